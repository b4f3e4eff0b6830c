import fc from 'fast-check';
import t from 'tap';
import { Rig, startPod, waitFor } from './rig.ts';

// Pieces of requests, right and wrong, that the property puts together in any order.
const PIECES = [
  'GET / HTTP/1.1\r\n',
  'POST /x HTTP/1.1\r\n',
  'HEAD / HTTP/1.0\r\n',
  'OPTIONS * HTTP/1.1\r\n',
  'GET http://hello.test/ HTTP/1.1\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\0\0\0\x04\0\0\0\0\0',
  '\0\0\x05\x01\x05\0\0\0\x01\x82\x86\x84\x41\x00',
  '\0\0\x04\x03\0\0\0\0\x01\0\0\0\x08',
  'Host: hello.test\r\n',
  'Host: ws.test\r\n',
  'Content-Length: 4\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Connection: Upgrade\r\nUpgrade: websocket\r\n',
  'Connection: Upgrade\r\nUpgrade: h2c\r\n',
  'Expect: 100-continue\r\n',
  'K-Network-Probe: x\r\n',
  'X: \xff\xfe\r\n',
  '\r\n',
  '\r\n\r\n',
  '4\r\nbody\r\n',
  '0\r\n\r\n',
  'body',
  '\n',
  '\0',
  ':',
];

void t.test('no sequence of bytes disturbs the gateway', async (t) => {
  const rig = await Rig.open(t, { headerTimeout: 500 });
  const pod = await startPod(t, (request, response) => request.pipe(response));
  pod.server.on('upgrade', (_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
  rig.revision('hello', { timeoutSeconds: 1 });
  rig.pods('hello', [pod.address]);
  rig.revision('ws', { timeoutSeconds: 1 });
  rig.pods('ws', [pod.address]);
  const piece = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...PIECES) }, { weight: 1, arbitrary: fc.string() });
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 14 }), fc.boolean(), async (pieces, reset) => {
      const client = await rig.socket();
      for (const text of pieces) client.write(text);
      const sent = new Promise<void>((resolve) => client.socket.end(() => resolve()));
      if (reset) await sent.then(() => client.socket.resetAndDestroy());
      else await Promise.race([client.closed(), waitFor('any answer', () => client.text !== '')]);
      client.socket.destroy();
      const answer = await rig.send('hello.test', { method: 'POST', body: 'still here' });
      return answer.status === 200 && answer.body === 'still here';
    }),
    { numRuns: 100 },
  );
  await waitFor('nothing to be left behind', () => rig.dispatcher.open === 0 && rig.upgrader.open === 0);
  for (const name of ['hello', 'ws']) {
    t.equal(rig.served(name).throttle.inFlight, 0);
    t.equal(rig.served(name).throttle.queued, 0);
    t.equal(rig.served(name).meter.present, 0);
  }
  await waitFor('all connections to close', () => rig.gateway.connections === 0);
});
