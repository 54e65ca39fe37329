// GET /health/jwt for a Node service, without any package:
// health(nonce, authorization) gives the status code and the JSON body.
import { createHmac, hkdfSync, randomUUID, timingSafeEqual } from 'node:crypto'

const NAMES = ['JWT_SECRET_STAGING', 'JWT_SECRET'] // the variables of your service, the strongest first
const NAME = NAMES.find((n) => process.env[n]) ?? NAMES[0]
const SECRET = Buffer.from(process.env[NAME] ?? '') // exactly the bytes that your service signs and verifies with
const PEPPER = Buffer.from((process.env.WHY401_PEPPER ?? '').trim())
const STARTED = new Date().toISOString(), INSTANCE = randomUUID().slice(0, 13), used = {}

const tag = (key, text) => createHmac('sha256', key).update(text).digest().subarray(0, 16).toString('base64url')
const hkdf = (secret, salt, info) => Buffer.from(hkdfSync('sha256', secret, salt, info, 32))

function authorized(nonce, header) {
  const m = /^Why401 ([0-9]{1,15})\.([A-Za-z0-9_-]{22})$/.exec(header ?? '')
  if (!m || PEPPER.length < 32 || !/^[A-Za-z0-9_-]{22,86}$/.test(nonce) || Math.abs(Date.now() / 1000 - m[1]) > 300) return false
  return timingSafeEqual(Buffer.from(m[2]), Buffer.from(tag(hkdf(PEPPER, '', 'why401 request v1'), `${m[1]}.${nonce}`)))
}

function limited(kind, now) { // 120 requests a minute, those who sign apart from those who do not
  const { level, at } = used[kind] ?? { level: 0, at: now }
  used[kind] = { level: Math.min(Math.max(level - (now - at) / 500, 0) + 1, 121), at: now }
  return used[kind].level > 120
}

function state(n) {
  const value = process.env[n]
  if (value === undefined) return 'absent'
  return value === '' ? 'empty' : n === NAME ? 'wins' : Buffer.from(value).equals(SECRET) ? 'same' : 'differs'
}

export function health(nonce, authorization) {
  if (nonce && !authorized(nonce, authorization)) return [401, { error: 'wanted Authorization: Why401 TIME.MAC, made with the pepper of this service' }]
  if (limited(nonce ? 'signed' : 'open', Date.now())) return [429, { error: 'too many requests' }]
  const now = new Date().toISOString(), there = SECRET.toString('latin1').trim() !== '', fits = SECRET.length >= 32 // HS256
  const agree = NAMES.every((n) => state(n) !== 'differs')
  const body = {
    status: !there ? 'unhealthy' : fits && agree ? 'healthy' : 'degraded',
    details: { jwt_secret_available: there, secret_length_valid: there && fits, cross_service_consistency: agree, last_validated: now },
  }
  if (nonce) {
    body.why401 = { version: 1, nonce, instance: INSTANCE, started: STARTED, now, secrets: [{
      name: NAME, role: 'current', kind: 'hmac', source: 'env', chain: NAMES.map((n) => ({ name: n, state: state(n) })),
      loaded: STARTED, load_seconds: 0, length: { HS256: fits ? 'ok' : 'too_short' }, present: 'unread',
      fingerprint: tag(hkdf(SECRET, PEPPER, 'why401 fingerprint v1'), nonce) }],
      settings: { algorithms: ['HS256'], leeway_seconds: 0 } }
  }
  return [there ? 200 : 503, body]
}

if (process.argv[1]?.endsWith('health_jwt.mjs')) { // in place of the route of your framework
  const { createServer } = await import('node:http')
  const server = createServer((req, res) => {
    const url = new URL(req.url, 'http://localhost')
    const known = req.method === 'GET' && url.pathname === '/health/jwt'
    const [code, body] = known ? health(url.searchParams.get('nonce'), req.headers.authorization) : [url.pathname === '/health/jwt' ? 405 : 404, {}]
    res.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
  })
  server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => console.log('listening on', server.address().port))
}
