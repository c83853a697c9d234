"""Speed of Cornu beside its peers: each workload under every library, by turns."""
