-- A mistake in the user's file is one message that names it; a right file gives none.
local function messages(call)
  local lines = vim.fn.readfile(vim.env.CODELS_INIT)
  lines[#lines] = call
  vim.fn.writefile(lines, 'mistake.lua')
  local editor = require('editor').start('mistake.lua')
  return editor:messages(), editor
end

local ROWS = {
  { "require('codels').setup()", '' },
  { "require('codels').setup({ keys = { accept = false }, filetypes = { 'python' } })", '' },
  { "require('codels').setup({ key = {} })", "codels: unknown option 'key'; known are cmd, filetypes, keys, settings" },
  { "require('codels').setup({ keys = { tab = false } })", "codels: unknown option 'keys.tab'; known are accept, dismiss, next, prev" },
  { "require('codels').setup({ keys = { accept = 3 } })", "codels: option 'keys.accept' must be a key such as '<Tab>', or false, not 3" },
  { "require('codels').setup({ cmd = 'codels serve' })", "codels: option 'cmd' must be a list such as { 'codels', 'serve' }, not \"codels serve\"" },
  { "require('codels').setup('python')", 'codels: setup() takes a table, not "python"' },
  { "require('codels').setup({ cmd = { 'no-such-program' } })", "codels: cannot run 'no-such-program'; install codels (in its clone: make), put it on the PATH, or set the option 'cmd'" },
}
for _, row in ipairs(ROWS) do
  local said, editor = messages(row[1])
  editor:expect(row[1], said, row[2])
  vim.fn.jobstop(editor.channel)
end
