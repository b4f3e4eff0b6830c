import { createServer as createHttp } from 'node:http';
import { createServer as createHttp2 } from 'node:http2';
import { createServer, type AddressInfo, type Server } from 'node:net';
import t from 'tap';
import { attemptProbe } from '../../../../local/node/probe/attempt.ts';
import type { Probe } from '../../../../local/node/probe/schedule.ts';
import type { RunningContainer } from '../../../../local/node/runtime/runtime.ts';

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** Answers commands without running any: what a probe makes of the result is what is tested here. */
const commands = {
  command: (
    [name = '']: readonly string[],
    { stdout, signal }: { stdout?: NodeJS.WritableStream; signal: AbortSignal },
  ) => {
    if (name === 'hang') return new Promise<number>((resolve) => signal.addEventListener('abort', () => resolve(137)));
    stdout?.write(`output of ${name}\n`);
    return Promise.resolve(name === 'true' ? 0 : 1);
  },
} as unknown as RunningContainer;

const seen: string[] = [];
const web = await listen(
  createHttp((request, response) => {
    seen.push(
      `${request.url ?? ''} ${request.headers.host ?? ''} ${request.headers['user-agent'] ?? ''} ${String(request.headers['x-probe'])}`,
    );
    if (request.url === '/hang') return;
    response.statusCode = Number(/\d+/.exec(request.url ?? '')?.[0] ?? 200);
    response.end();
  }),
);
const closed = await listen(createServer());
await new Promise<void>((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => server.close(() => resolve()));
});

const grpc = createHttp2();
grpc.on('stream', (stream, headers) => {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    const service = Buffer.concat(chunks).subarray(7).toString();
    const status = { '': 1, down: 2 }[service];
    t.equal(headers[':path'], '/grpc.health.v1.Health/Check');
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': status === undefined ? '5' : '0', 'grpc-message': 'unknown service' }),
    );
    if (status === undefined) stream.end();
    else stream.end(Buffer.from([0, 0, 0, 0, 2, 8, status]));
  });
});
const health = await listen(grpc as unknown as Server);

const target = {
  host: '127.0.0.1',
  port: (declared: number | string) => (declared === 'web' ? web : Number(declared)),
  container: commands,
};

for (const [name, probe, expected] of [
  ['tcp, open', { tcpSocket: { port: closed } }, undefined],
  ['http 200', { httpGet: { port: 'web', path: '/200' } }, undefined],
  ['http 302', { httpGet: { port: 'web', path: '302' } }, undefined],
  ['http 404', { httpGet: { port: 'web', path: '/404' } }, /statuscode: 404/],
  ['http 503', { httpGet: { port: 'web', path: '/503' } }, /statuscode: 503/],
  [
    'http without an answer',
    { httpGet: { port: 'web', path: '/hang' }, timeoutSeconds: 0.05 },
    /no answer within 50 ms/,
  ],
  ['http to a port where nobody is', { httpGet: { port: 1 } }, /ECONNREFUSED/],
  ['tcp to a port where nobody is', { tcpSocket: { port: 1 } }, /ECONNREFUSED/],
  ['command, good', { exec: { command: ['true'] } }, undefined],
  ['command, bad', { exec: { command: ['false'] } }, /output of false/],
  ['command, late', { exec: { command: ['hang'] }, timeoutSeconds: 0.05 }, /timed out after 50 ms/],
  ['grpc, serving', { grpc: { port: health } }, undefined],
  ['grpc, a service that is not serving', { grpc: { port: health, service: 'down' } }, /NOT_SERVING/],
  ['grpc, a service that is not known', { grpc: { port: health, service: 'none' } }, /grpc status 5: unknown service/],
  ['grpc to a server that speaks another protocol', { grpc: { port: web } }, /./],
  ['nothing to do', {}, /no handler/],
] satisfies [string, Probe, RegExp | undefined][]) {
  void t.test(`a probe: ${name}`, async (t) => {
    const result = await attemptProbe(probe, target);
    if (expected === undefined) t.same(result, { success: true });
    else t.match(result, { success: false, message: expected });
  });
}

void t.test('an http probe sends the headers it is told to', async (t) => {
  const httpHeaders = [
    { name: 'Host', value: 'example.test' },
    { name: 'X-Probe', value: 'yes' },
  ];
  await attemptProbe({ httpGet: { port: web, path: '/200', httpHeaders } }, target);
  t.match(seen.at(-1), /^\/200 example\.test kube-probe\/[\d.]+ yes$/);
});
