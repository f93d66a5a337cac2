-- The script has no answer for what is typed behind "return": the first ghost stays, however long Tab waits.
local editor = require('editor').open('add.txt', { '' })

editor:type_for_ghost('Areturn')
editor:type(' a')
editor:wait('the ghost is shorter by what was typed', function()
  return editor:ghost() == ' + b'
end)
editor:type('<Tab>')
editor:expect_text('typed through, accepted once', 'return a + b')

editor:type_for_ghost('<Esc>Sreturn')
editor:type(' x<Tab>')
editor:type('!')
editor:expect_text('typed something else: nothing is inserted', 'return x!')
editor:expect('and nothing is shown', editor:ghost(), nil)

editor:type_for_ghost('<Esc>Sreturn')
editor:type('<Left><Tab>.')
editor:expect_text('the cursor went left: nothing is inserted', 'retur.n')

editor:type_for_ghost('<Esc>Sdef fib(n):')
editor:type('<CR>    if<Tab>')
editor:expect_text(
  'typed through a line end, accepted once',
  'def fib(n):\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)'
)

editor:type_for_ghost('<Esc>ggdGSreturn')
editor:type(' a + b<Tab>')
editor:expect_text('typed to its end: Tab is a Tab', 'return a + b\t')
editor:quit()
