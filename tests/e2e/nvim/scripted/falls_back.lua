-- Without ghost text the keys mean what they meant before, whoever gave them their meaning.
local init = 'keys.lua'
local lines = vim.fn.readfile(vim.env.CODELS_INIT)
vim.list_extend(lines, {
  "vim.keymap.set('i', '<Tab>', function() return 'tab' end, { expr = true })",
  "vim.keymap.set('i', '<C-]>', function() vim.api.nvim_put({ 'bracket' }, 'c', false, true) end)",
})
vim.fn.writefile(lines, init)

local editor = require('editor').open('add.txt', { '' }, init)
editor:type_and_settle('Anothing')
editor:type('<Tab>')
editor:expect_text('an expression mapping', 'nothingtab')
editor:type('<C-]>')
editor:expect_text('a Lua function that edits', 'nothingtabbracket')
editor:type_for_ghost('<Esc>Sreturn')
editor:type('<Tab>')
editor:expect_text('with a ghost, Tab accepts', 'return a + b')
editor:quit()

editor = require('editor').open('add.txt', { '' })
editor:type('A<Tab>x')
editor:expect_text('no mapping: a plain Tab', '\tx')
editor:lua([[vim.snippet.expand('f(${1:a}, ${2:b})')]])
editor:type('1<Tab>')
editor:wait('the second field is selected', function()
  return editor:lua('return vim.fn.mode()') == 's'
end)
editor:type('2')
editor:expect_text("Neovim's own Tab in a snippet", '\txf(1, 2)')
editor:quit()
