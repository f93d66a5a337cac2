-- The options of `setup()`: defaults, and checks that name the value and what is wanted.

local M = {}

M.defaults = {
  cmd = nil, -- found by codels.server
  filetypes = nil, -- every file type
  keys = { accept = '<Tab>', next = '<M-]>', prev = '<M-[>', dismiss = '<C-]>' },
  settings = {},
}

local function is_list_of_strings(value)
  if type(value) ~= 'table' or #value == 0 then
    return false
  end
  for key, item in pairs(value) do
    if type(key) ~= 'number' or type(item) ~= 'string' then
      return false
    end
  end
  return true
end

local CHECKS = {
  cmd = { is_list_of_strings, "a list such as { 'codels', 'serve' }" },
  filetypes = { is_list_of_strings, "a list of file types such as { 'python' }" },
  keys = {
    function(value)
      return type(value) == 'table'
    end,
    "a table such as { accept = '<Tab>' }",
  },
  settings = {
    function(value)
      return type(value) == 'table'
    end,
    "a table such as { model = 'auto' }",
  },
}

local KEY_CHECK = {
  function(value)
    return value == false or (type(value) == 'string' and value ~= '')
  end,
  "a key such as '<Tab>', or false",
}

local function names(checks)
  local known = vim.tbl_keys(checks)
  table.sort(known)
  return table.concat(known, ', ')
end

local function check_table(values, checks, prefix, problems)
  for name, value in pairs(values) do
    local check = checks[name]
    if not check then
      problems[#problems + 1] = ("unknown option '%s%s'; known are %s"):format(prefix, name, names(checks))
    elseif not check[1](value) then
      local shown = vim.inspect(value):gsub('%s+', ' ')
      problems[#problems + 1] = ("option '%s%s' must be %s, not %s"):format(prefix, name, check[2], shown)
    end
  end
end

local function key_checks()
  local checks = {}
  for action in pairs(M.defaults.keys) do
    checks[action] = KEY_CHECK
  end
  return checks
end

-- The complete options, or nil and a list of sentences that say what is wrong.
function M.parse(given)
  given = given == nil and {} or given
  if type(given) ~= 'table' then
    return nil, { ('setup() takes a table, not %s'):format(vim.inspect(given)) }
  end
  local problems = {}
  check_table(given, CHECKS, '', problems)
  if type(given.keys) == 'table' then
    check_table(given.keys, key_checks(), 'keys.', problems)
  end
  if #problems > 0 then
    table.sort(problems)
    return nil, problems
  end
  return vim.tbl_deep_extend('force', M.defaults, given)
end

return M
