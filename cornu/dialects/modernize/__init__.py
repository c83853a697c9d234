"""Old scripts rewritten with today's spellings, by the rows that run them.

`written` makes values of what stands in a script, and back; `homes` says where a name lives today;
`calls` tells calls anew; `script` reads what a script imports and makes; `imports` and `rewriting`
write it. They need the package libcst, but for `homes` and `calls`.
"""
