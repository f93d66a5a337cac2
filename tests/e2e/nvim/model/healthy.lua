-- With everything in place, :checkhealth codels has no error.
local editor = require('editor').open('shapes.py', { 'x = 1' })
editor:call('nvim_command', 'checkhealth codels')
editor:wait('the report is complete', function()
  return editor:text():find('codels: doctor') ~= nil
end)
local report = editor:text()
io.write(report, '\n')
editor:expect('errors', report:match('ERROR[^\n]*'), nil)
editor:expect('warnings', report:match('WARNING[^\n]*'), nil)
editor:expect_true('names the file served', report:find('shapes.py', 1, true))
editor:quit()
