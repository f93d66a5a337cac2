-- `:checkhealth codels`: what is needed for ghost text, in the order in which it can fail, each with the remedy.

local M = {}

local TIMEOUT_MS = 60000 -- `codels doctor` loads the model, which takes its time on a slow disk

local STATUS_TIMEOUT_MS = 2000

-- Neovim before 0.10 has the same functions under other names.
local start = vim.health.start or vim.health.report_start
local ok = vim.health.ok or vim.health.report_ok
local info = vim.health.info or vim.health.report_info
local warn = vim.health.warn or vim.health.report_warn
local fail = vim.health.error or vim.health.report_error

local function check_neovim()
  start('codels: Neovim')
  local problem = require('codels').version_problem()
  if problem then
    fail(problem, { 'Install a newer Neovim.' })
    return false
  end
  ok('Neovim ' .. tostring(vim.version()))
  return true
end

-- Runs a command and returns its exit code and what it said; 124 where it took too long.
local function run(cmd)
  local started, process = pcall(vim.system, cmd, { text = true, timeout = TIMEOUT_MS })
  if not started then
    return 127, tostring(process)
  end
  local result = process:wait()
  local said = vim.trim(vim.trim(result.stdout or '') .. '\n' .. vim.trim(result.stderr or ''))
  return result.code, said
end

local function check_version(cmd)
  local line = require('codels.server').subcommand(cmd, '--version')
  if not line then
    return info('the command is not of the form "... serve": its version and "codels doctor" are left out')
  end
  local code, said = run(line)
  if code == 0 then
    ok(said)
  else
    fail(("'%s' failed (%d): %s"):format(table.concat(line, ' '), code, said), { 'Install codels again.' })
  end
end

local function check_server(cmd)
  start('codels: server')
  local problem = require('codels.server').problem(cmd)
  if problem then
    fail(problem)
    return false
  end
  ok(('command: %s'):format(table.concat(cmd, ' ')))
  check_version(cmd)
  return true
end

local function check_enabled(config)
  start('codels: inline completion')
  local remedy = { "Call require('codels').setup() in your init.lua." }
  if vim.lsp.is_enabled('codels') then
    ok('the server starts with each file' .. (config.filetypes and ' of: ' .. table.concat(config.filetypes, ', ') or ''))
  else
    fail('the server is not enabled', remedy)
  end
  if vim.lsp.inline_completion.is_enabled() then
    ok('ghost text is on')
  else
    fail('ghost text is off', vim.list_extend({ 'Switch it on: :lua vim.lsp.inline_completion.enable()' }, remedy))
  end
end

-- What a running server says of itself, the reason for its last silence included.
local function report_status(client)
  local answer = client:request_sync('codels/status', {}, STATUS_TIMEOUT_MS)
  local status = answer and answer.result
  if not status then
    return warn('the server gives no answer', { 'Open the log below; restart it with :lsp restart codels' })
  end
  local report = status.state == 'failed' and fail or ok
  report(('model %s: %s'):format(status.model, status.message))
  for _, role in ipairs({ 'completion', 'docstring', 'instruct', 'embed' }) do
    local choice = (status.roles or {})[role]
    if choice then
      info(('%s: %s: %s'):format(role, choice.model ~= '' and choice.model or 'none', choice.reason))
    end
  end
  if status.lastReason ~= '' then
    info('the last time that it offered nothing: ' .. status.lastReason)
  end
end

local function check_clients()
  start('codels: buffers served')
  local clients = vim.lsp.get_clients({ name = 'codels' })
  if #clients == 0 then
    warn('no buffer is served', { "Open a file that has a file type (:set filetype?); see also 'filetypes' in setup()." })
  end
  for _, client in ipairs(clients) do
    report_status(client)
    for bufnr in pairs(client.attached_buffers) do
      ok(('%s (%s)'):format(vim.api.nvim_buf_get_name(bufnr), vim.bo[bufnr].filetype))
    end
  end
  info("Neovim's own log: " .. vim.lsp.log.get_filename())
end

local function check_doctor(cmd)
  local line = require('codels.server').subcommand(cmd, 'doctor')
  if not line then
    return
  end
  start('codels: doctor')
  local code, said = run(line)
  if code == 0 then
    ok("'codels doctor' found no problem:\n" .. said)
  elseif code == 124 then
    fail(("'codels doctor' gave no answer within %d s"):format(TIMEOUT_MS / 1000), { 'Run it in a terminal.' })
  else
    fail(("'codels doctor' found a problem (%d):\n%s"):format(code, said), { 'Do as it says; then restart Neovim.' })
  end
end

function M.check()
  if not check_neovim() then
    return
  end
  local config = vim.lsp.config.codels
  local has_server = check_server(config.cmd)
  check_enabled(config)
  check_clients()
  if has_server then
    check_doctor(config.cmd)
  end
end

return M
