# Verifies tokens with ruby-jwt: one JSON object a line in, one out.
require "base64"
require "json"
require "jwt"
$stdout.sync = true
while (line = $stdin.gets)
  ask = JSON.parse(line)
  begin
    JWT.decode(ask["token"], Base64.decode64(ask["secret"]), true, { algorithm: "HS256" })
    out = { ok: true }
  rescue StandardError => e
    out = { name: e.class.name, text: e.message }
  end
  puts JSON.generate(out)
end
