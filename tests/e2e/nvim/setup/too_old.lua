-- In a Neovim that is too old, the README's lines give one message and nothing else breaks.
-- Written for old Neovim: this file runs in one.
local child = { vim.v.progpath, '--clean', '--embed', '--headless', '-u', os.getenv('CODELS_INIT') }
local channel = vim.fn.jobstart(child, { rpc = true })
local function messages()
  return vim.rpcrequest(channel, 'nvim_exec', 'messages', true)
end

local v = vim.version()
local wanted = 'codels needs Neovim 0.12 or later, which shows inline completions; '
  .. ('this is Neovim %d.%d.%d'):format(v.major, v.minor, v.patch)
assert(messages() == wanted, messages())
vim.rpcrequest(channel, 'nvim_command', 'edit shapes.py')
vim.rpcrequest(channel, 'nvim_command', 'checkhealth codels')
local report = table.concat(vim.rpcrequest(channel, 'nvim_buf_get_lines', 0, 0, -1, false), '\n')
assert(report:find('ERROR ' .. wanted, 1, true), report)
local others = messages():gsub('Running healthchecks...', ''):gsub('%s+$', '')
assert(others == wanted, others)
vim.fn.jobstop(channel)
