-- A suggestion of several lines is drawn, accepted and undone as one.
local editor = require('editor').open('fib.py', { '# fib', '# end' })
local ghost = editor:type_for_ghost('odef fib(n):')
editor:expect('the lines of the ghost', #vim.split(ghost, '\n'), 4)
local screen = vim.split(editor:screen(), '\n')
editor:expect(
  'the screen shows them between the lines of the file',
  vim.list_slice(screen, 2, 6),
  { 'def fib(n):', '    if n < 2:', '        return n', '    return fib(n - 1) + fib(n - 2)', '# end' }
)
editor:expect_text('the buffer holds none', '# fib\ndef fib(n):\n# end')
editor:type('<Tab>')
editor:expect_text('Tab inserts them all', '# fib\ndef fib(n):' .. ghost .. '\n# end')
editor:type('  # done<Esc>')
editor:expect_text('typing goes on behind them', '# fib\ndef fib(n):' .. ghost .. '  # done\n# end')
editor:type('u')
editor:expect_text('undo takes back the lines and what was typed behind them', '# fib\ndef fib(n):\n# end')
editor:quit()
