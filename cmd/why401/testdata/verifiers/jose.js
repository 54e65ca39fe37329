// Verifies tokens with jose: one JSON object a line in, one out.
const { jwtVerify } = require("jose");
(async () => {
  for await (const line of require("readline").createInterface({ input: process.stdin })) {
    const ask = JSON.parse(line);
    let out = { ok: true };
    try {
      await jwtVerify(ask.token, Buffer.from(ask.secret, "base64"), { algorithms: ["HS256"] });
    } catch (e) {
      out = { name: e.name, text: e.message };
    }
    console.log(JSON.stringify(out));
  }
})();
