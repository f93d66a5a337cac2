-- `codels models use` in a terminal changes the model of a Neovim that is running.
local CARD = [[
id = "%s"
backend = "fake"
family = "codels"
order = "spm"
[[files]%s
path = "%s"
]]

local function add(name, answer)
  local script = vim.fn.getcwd() .. '/' .. name .. '.json'
  vim.fn.writefile({ vim.json.encode({ answers = { [''] = answer .. '\n' } }) }, script)
  local cards = vim.env.XDG_CONFIG_HOME .. '/codels/models'
  vim.fn.mkdir(cards, 'p')
  vim.fn.writefile(vim.split(CARD:format(name, ']', script), '\n'), cards .. '/' .. name .. '.toml')
end

local function use(name)
  local result = vim.system({ 'codels', 'models', 'use', name }, { text = true }):wait()
  if result.code ~= 0 then
    error('codels models use ' .. name .. ': ' .. result.stderr)
  end
end

add('first', 'first()')
add('second', 'second()')
use('first')
local editor = require('editor').open('app.py', { '' })

local function model()
  return editor:lua([[
    local answer = vim.lsp.get_clients({ bufnr = 0 })[1]:request_sync('codels/status', {}, 2000)
    return answer and answer.result.state == 'ready' and answer.result.model or ''
  ]])
end

for number, name in ipairs({ 'first', 'second', 'first' }) do
  use(name)
  editor:wait(name .. ' is loaded', function()
    return model() == name
  end)
  local ghost = editor:type_for_ghost(('<Esc>Govalue%d = '):format(number))
  editor:expect(name .. ' answers', ghost, name .. '()')
end
editor:quit()
