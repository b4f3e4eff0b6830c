// Sends one message and prints the echo. By hand (RFC 6455), like the server, and because names under .localhost mean
// this machine to browsers and curl, but not to every resolver.
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';

const url = new URL(process.argv[2] ?? 'http://echo.default.localhost:8080');
const message = Buffer.from(process.argv[3] ?? 'hello');

const upgrade = request({
  host: url.hostname.endsWith('.localhost') ? '127.0.0.1' : url.hostname,
  port: url.port,
  headers: {
    Host: url.host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
  },
});
upgrade.on('upgrade', (response, socket) => {
  const mask = randomBytes(4);
  const masked = message.map((byte, i) => byte ^ mask[i % 4]);
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | message.length]), mask, masked]));
  socket.once('data', (frame) => {
    console.log(frame.subarray(2).toString());
    socket.end(Buffer.concat([Buffer.from([0x88, 0x80]), mask]));
  });
});
upgrade.on('response', (response) => fail(`answered ${response.statusCode}`));
upgrade.on('error', (error) => fail(error.message));
upgrade.end();

function fail(why) {
  console.error(`cannot connect to ${url}: ${why}`);
  process.exit(1);
}
