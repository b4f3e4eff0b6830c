/** Logs, exec and port-forward with the real kubectl and client-node, against real processes and sockets. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { createInterface } from 'node:readline';
import t from 'tap';
import type { Test } from 'tap';
import { Exec, KubeConfig, PortForward, type V1Status } from '@kubernetes/client-node';
import { Pod } from '../../../api/core.ts';
import { ApiError, failure } from '../../../kube/errors.ts';
import type { PodStreams } from '../../../kube/pod-streams.ts';
import { dictionaryOf } from '../../../local/apiserver/streams/spdy.ts';
import { crc32 } from '../../../kube/crc32.ts';
import { startListening, writeKubeconfig } from './https.ts';
import { kubectlMissing, kubectlPath } from '../../kubectl.ts';

const KUBECTL = await kubectlPath();
const skip = await kubectlMissing();

/** Pods that are processes of this machine: commands run here, ports are those of 127.0.0.1. */
const streams: PodStreams = {
  logs(_pod, options, signal) {
    const lines = ['one', 'two', 'three'].slice(-(options.tailLines ?? 3));
    if (options.follow !== true) return Promise.resolve(Readable.from(lines.map((line) => `${line}\n`)));
    const log = new PassThrough();
    for (const line of lines) log.write(`${line}\n`);
    const more = setInterval(() => log.write('tick\n'), 50);
    const stop = (): void => {
      clearInterval(more);
      log.end();
    };
    signal.addEventListener('abort', stop);
    return Promise.resolve(log);
  },
  exec(_pod, { command, stdin, stdout, stderr, signal, onResize }) {
    const [program = '', ...args] = command;
    if (program === 'absent')
      return Promise.reject(new ApiError(failure(400, 'BadRequest', 'exec: "absent": executable file not found')));
    onResize?.((columns, rows) => stdout?.write(`${columns}x${rows}\n`));
    const child = spawn(program, args, { stdio: 'pipe', signal });
    child.on('error', () => undefined);
    if (stdin === undefined) child.stdin.end();
    else stdin.pipe(child.stdin);
    if (stdout !== undefined) child.stdout.pipe(stdout, { end: false });
    if (stderr !== undefined) child.stderr.pipe(stderr, { end: false });
    return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 137)));
  },
  async connect(_pod, port) {
    const socket = connect({ host: '127.0.0.1', port });
    await once(socket, 'connect');
    return socket;
  },
};

async function startWithPod(t: Test) {
  const started = await startListening(t);
  started.server.podStreams = streams;
  await started.client.create(Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'main', image: 'i' }] },
  } as Pod);
  await started.client.patch(Pod, 'default', 'p', { status: { phase: 'Running' } }, { subresource: 'status' });
  const kubeconfig = await writeKubeconfig(started.dir, started.url, started.pki);
  return { ...started, kubeconfig };
}

async function kubectl(kubeconfig: string, args: string[], input = '', env: Record<string, string> = {}) {
  const child = spawn(KUBECTL, ['--kubeconfig', kubeconfig, ...args], {
    env: { ...process.env, ...env, HOME: '/nonexistent' },
  });
  child.stdin.on('error', () => undefined).end(input);
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, out, err };
}

t.test('kubectl logs', { skip }, async (t) => {
  const { kubeconfig } = await startWithPod(t);
  t.equal((await kubectl(kubeconfig, ['logs', 'p'])).out, 'one\ntwo\nthree\n');
  t.equal((await kubectl(kubeconfig, ['logs', 'p', '--tail=1'])).out, 'three\n');
  t.match((await kubectl(kubeconfig, ['logs', 'p', '-c', 'other'])).err, /container other is not valid for pod p/);
  const follow = spawn(KUBECTL, ['--kubeconfig', kubeconfig, 'logs', '-f', 'p']);
  t.teardown(() => follow.kill());
  for await (const line of createInterface({ input: follow.stdout })) if (line === 'tick') break;
});

for (const carrier of ['websocket', 'spdy']) {
  const env: Record<string, string> =
    carrier === 'spdy' ? { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' } : {};

  t.test(`kubectl exec over ${carrier}`, { skip }, async (t) => {
    const { kubeconfig } = await startWithPod(t);
    const exec = (command: string[], input?: string, flags: string[] = []) =>
      kubectl(kubeconfig, ['exec', ...flags, 'p', '--', ...command], input, env);
    t.match(await exec(['echo', 'hello']), { code: 0, out: 'hello\n' });
    t.match(await exec(['sh', '-c', 'echo bad >&2; exit 3']), { code: 3, err: /bad/ });
    const large = 'x'.repeat(300_000);
    t.equal((await exec(['cat'], large, ['-i'])).out, large, 'what goes in comes out, and its end is seen');
    const many = await exec(['sh', '-c', 'head -c 2000000 /dev/zero']);
    t.equal(many.out.length, 2_000_000);
    t.match(await exec(['absent']), { code: 1, err: /executable file not found/ });
  });

  t.test(`kubectl port-forward over ${carrier}`, { skip }, async (t) => {
    const { kubeconfig } = await startWithPod(t);
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(echo, 'listening');
    t.teardown(() => echo.close());
    const { port } = echo.address() as AddressInfo;
    const child = spawn(KUBECTL, ['--kubeconfig', kubeconfig, 'port-forward', 'pod/p', `:${port}`], {
      env: { ...process.env, ...env },
    });
    t.teardown(() => child.kill());
    const local = await new Promise<number>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const match = /127\.0\.0\.1:(\d+) ->/.exec(line);
        if (match !== null) resolve(Number(match[1]));
      });
    });
    const text = 'y'.repeat(400_000);
    const answers = await Promise.all([talk(local, text), talk(local, 'short'), talk(local, text)]);
    t.ok(answers[0] === text && answers[1] === 'short' && answers[2] === text, 'three connections, each its own');
  });
}

t.test('client-node: exec and port-forward over channels', async (t) => {
  const { kubeconfig } = await startWithPod(t);
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  let out = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      out += chunk.toString();
      done();
    },
  });
  const status = await new Promise<V1Status>((resolve, reject) => {
    const command = ['sh', '-c', 'echo hello; exit 4'];
    new Exec(config).exec('default', 'p', 'main', command, stdout, null, null, false, resolve).catch(reject);
  });
  t.equal(out, 'hello\n');
  t.match(status, { status: 'Failure', details: { causes: [{ reason: 'ExitCode', message: '4' }] } });

  const server = createServer((socket) => socket.end('from the pod')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const received = new PassThrough();
  const { port } = server.address() as AddressInfo;
  const ws = await new PortForward(config).portForward('default', 'p', [port], received, null, new PassThrough());
  t.teardown(() => (typeof ws === 'function' ? ws()?.close() : ws.close()));
  const [chunk] = (await once(received, 'data')) as [Buffer];
  t.equal(chunk.toString(), 'from the pod');
});

t.test('an upgrade that makes no sense is refused in words', async (t) => {
  const { send } = await startWithPod(t);
  const path = '/api/v1/namespaces/default/pods/p/exec?command=ls&stdout=true';
  const cases: [headers: Record<string, string>, path: string, status: number][] = [
    [{ connection: 'Upgrade', upgrade: 'h2c' }, path, 400],
    [{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-protocol': 'v1.channel.k8s.io' }, path, 400],
    [{ connection: 'Upgrade', upgrade: 'websocket', authorization: 'Bearer wrong' }, path, 401],
    [{ connection: 'Upgrade', upgrade: 'websocket' }, path.replace('/p/', '/absent/'), 404],
  ];
  for (const [headers, target, status] of cases) {
    const answer = await send('GET', target, undefined, headers);
    t.equal(answer.status, status, answer.text);
    t.match(answer.json, { kind: 'Status', code: status });
  }
});

t.test('the dictionary of SPDY is the one of its draft', (t) => {
  t.equal(dictionaryOf().length, 1423);
  t.equal(crc32(dictionaryOf()), 0x4c8490e);
  t.end();
});

async function talk(port: number, text: string): Promise<string> {
  const socket: Socket = connect({ host: '127.0.0.1', port });
  await once(socket, 'connect');
  socket.end(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}
