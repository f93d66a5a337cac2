-- codels in Neovim: `require('codels').setup()` starts the server and shows its suggestions as ghost text.
-- The work is Neovim's own (vim.lsp, vim.lsp.inline_completion); here are its configuration and the keys.

local M = {}

local MIN_VERSION = '0.12'

-- A sentence where this Neovim is too old; nil where it will do. Runs on every Neovim that has Lua.
function M.version_problem()
  if vim.fn.has('nvim-' .. MIN_VERSION) == 1 then
    return nil
  end
  local v = vim.version()
  return ('codels needs Neovim %s or later, which shows inline completions; this is Neovim %d.%d.%d'):format(
    MIN_VERSION,
    v.major,
    v.minor,
    v.patch
  )
end

local function complain(problem)
  -- A warning, because old Neovim puts "Error detected while processing init.lua" before an error,
  -- as if the user's file stopped there.
  vim.notify(problem, vim.log.levels.WARN)
end

-- Without true colour, Neovim's own highlight of ghost text has no attribute at all: it would look like code.
local function make_ghost_visible()
  local hint = vim.api.nvim_get_hl(0, { name = 'ComplHint', link = false })
  if not hint.ctermfg and vim.tbl_isempty(hint.cterm or {}) then
    hint.ctermfg, hint.cterm = 'DarkGray', { italic = true }
    vim.api.nvim_set_hl(0, 'ComplHint', hint)
  end
end

local function start(options)
  vim.lsp.config('codels', {
    cmd = options.cmd,
    filetypes = options.filetypes,
    -- An empty Lua table would be sent as a list.
    settings = { codels = next(options.settings) and options.settings or vim.empty_dict() },
  })
  local problem = require('codels.server').problem(vim.lsp.config.codels.cmd)
  if problem then
    return complain('codels: ' .. problem)
  end
  require('codels.keys').install(options.keys)
  make_ghost_visible()
  local group = vim.api.nvim_create_augroup('codels.highlight', {})
  vim.api.nvim_create_autocmd('ColorScheme', { group = group, callback = make_ghost_visible })
  vim.lsp.inline_completion.enable(true)
  vim.lsp.enable('codels')
end

-- The options are described in README.md. A mistake in them is one message, never an error in the user's file.
function M.setup(given)
  local problem = M.version_problem()
  if problem then
    return complain(problem)
  end
  local options, problems = require('codels.options').parse(given)
  if not options then
    return complain('codels: ' .. table.concat(problems, '\ncodels: '))
  end
  start(options)
end

return M
