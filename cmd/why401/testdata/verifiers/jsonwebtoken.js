// Verifies tokens with jsonwebtoken: one JSON object a line in, one out.
const jwt = require("jsonwebtoken");
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  const ask = JSON.parse(line);
  let out = { ok: true };
  try {
    jwt.verify(ask.token, Buffer.from(ask.secret, "base64"), { algorithms: ["HS256"] });
  } catch (e) {
    out = { name: e.name, text: e.message };
  }
  console.log(JSON.stringify(out));
});
