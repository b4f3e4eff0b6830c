// Echoes text messages over WebSocket, by hand (RFC 6455) so that the example needs no packages.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const open = new Set();
const server = createServer((request, response) => response.end('connect with a WebSocket client\n'));

server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  open.add(socket);
  socket.on('close', () => open.delete(socket));
  let pending = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (let frame = read(pending); frame !== undefined; frame = read(pending)) {
      pending = pending.subarray(frame.length);
      if (frame.opcode === 8) socket.end(write(8, frame.payload));
      else if (frame.opcode === 9) socket.write(write(10, frame.payload));
      else if (frame.opcode === 1 || frame.opcode === 2) socket.write(write(frame.opcode, frame.payload));
    }
  });
});

// A client's frame: always masked; messages up to 64 KiB.
function read(buffer) {
  if (buffer.length < 6) return undefined;
  const short = buffer[1] & 0x7f;
  const start = short === 126 ? 4 : 2;
  const size = short === 126 ? buffer.readUInt16BE(2) : short;
  const length = start + 4 + size;
  if (buffer.length < length) return undefined;
  const mask = buffer.subarray(start, start + 4);
  const payload = Buffer.from(buffer.subarray(start + 4, length)).map((byte, i) => byte ^ mask[i % 4]);
  return { opcode: buffer[0] & 0x0f, payload, length };
}

function write(opcode, payload) {
  const head =
    payload.length < 126
      ? Buffer.from([0x80 | opcode, payload.length])
      : Buffer.from([0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([head, payload]);
}

server.listen(process.env.PORT ?? 8080);
// Told to end: say goodbye (1001, going away), or clients would hold this pod for its whole grace period.
process.on('SIGTERM', () => {
  server.close();
  for (const socket of open) socket.end(write(8, Buffer.from([1001 >> 8, 1001 & 0xff])));
});
