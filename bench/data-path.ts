/**
 * What the gateway costs a request and adds to it, beside the plainest relay that node:http makes: closed loop for CPU,
 * a steady rate for latency. Runs of both take turns, since only ratios of one run count on a noisy machine.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createUntilReady, helloService, startBench, type Bench } from './knative.ts';
import { median, percentile, type Figure } from './figure.ts';
import { EndpointSlice } from '../api/core.ts';

const CONNECTIONS = 64;
const CLOSED_LOOP_MS = 3000;
const STEADY_RPS = 500;
const STEADY_MS = 3000;
const ROUNDS = 3;

export async function dataPath(): Promise<Figure[]> {
  const bench = await startBench();
  let peer: ChildProcess | undefined;
  try {
    const keep = { 'autoscaling.knative.dev/min-scale': '1', 'autoscaling.knative.dev/max-scale': '1' };
    await createUntilReady(bench.client, helloService('path', keep));
    const pod = await podOf(bench, 'path-00001');
    const gateway: Target = { address: '127.0.0.1', port: bench.instance.httpPort, host: 'path.default.localhost' };
    const gatewayPid = bench.instance.run.processes.find(({ name }) => name === 'activator')?.pid;
    peer = spawn(process.execPath, ['-e', PEER, pod.address, String(pod.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const plain: Target = { address: '127.0.0.1', port: await portFrom(peer), host: 'localhost' };
    if (gatewayPid === undefined || peer.pid === undefined) throw new Error('no activator or no relay');
    await closedLoop(gateway, 1000);
    await closedLoop(plain, 1000);

    const cpu: number[] = [];
    const ratio: number[] = [];
    const p50: number[] = [];
    const p99: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const ours = await cpuOfRequest(gatewayPid, gateway);
      cpu.push(ours);
      ratio.push(ours / (await cpuOfRequest(peer.pid, plain)));
      const relayed = await steady(gateway);
      const straight = await steady(plain);
      p50.push(percentile(relayed, 50) - percentile(straight, 50));
      p99.push(percentile(relayed, 99) - percentile(straight, 99));
    }
    const loop = `${median(cpu).toFixed(0)} µs a request, ${CONNECTIONS} connections, median of ${ROUNDS}`;
    const rate = `${STEADY_RPS}/s, median of ${ROUNDS}`;
    return [
      {
        name: 'gateway CPU over a plain relay',
        value: median(ratio),
        unit: '×',
        target: 2,
        better: 'less',
        note: loop,
      },
      {
        name: 'gateway p50 over a plain relay',
        value: median(p50),
        unit: 'ms',
        target: 0.5,
        better: 'less',
        note: rate,
      },
      { name: 'gateway p99 over a plain relay', value: median(p99), unit: 'ms', target: 2, better: 'less', note: rate },
    ];
  } finally {
    peer?.kill('SIGKILL');
    await bench.close();
  }
}

/** node:http's server and client, connections kept open on both sides, nothing else. */
const PEER = `
  const http = require('http');
  const [host, port] = process.argv.slice(1);
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    const outgoing = http.request({ host, port, path: request.url, method: request.method, headers: request.headers, agent });
    outgoing.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    request.pipe(outgoing);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

function portFrom(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.stdout?.once('data', (line: Buffer) => resolve(Number(line.toString())));
    child.once('exit', () => reject(new Error('the relay ended')));
  });
}

/** Microseconds of the process's CPU time a request of a closed loop. */
async function cpuOfRequest(pid: number, target: Target): Promise<number> {
  const before = cpuMs(pid);
  const done = await closedLoop(target, CLOSED_LOOP_MS);
  return ((cpuMs(pid) - before) * 1000) / done;
}

interface Target {
  readonly address: string;
  readonly port: number;
  readonly host: string;
}

async function podOf(bench: Bench, revision: string): Promise<{ address: string; port: number }> {
  const labelSelector = `serving.knative.dev/revision=${revision},networking.internal.knative.dev/serviceType=Private`;
  const { items } = await bench.client.list(EndpointSlice, { namespace: 'default', labelSelector });
  const slice = items.find(({ endpoints }) => (endpoints ?? []).length > 0);
  const address = slice?.endpoints?.[0]?.addresses[0];
  const port = slice?.ports?.find(({ name }) => name === 'http')?.port;
  if (address === undefined || port === undefined) throw new Error(`no pod of ${revision}`);
  return { address, port };
}

/** Keep-alive clients that ask again as soon as they are answered. @returns requests answered */
async function closedLoop(target: Target, ms: number): Promise<number> {
  const until = performance.now() + ms;
  let done = 0;
  const clients = Array.from({ length: CONNECTIONS }, async () => {
    const client = await Client.open(target);
    while (performance.now() < until) {
      await client.ask();
      done++;
    }
    client.close();
  });
  await Promise.all(clients);
  return done;
}

/** Requests at a steady rate, whatever the answers do. @returns each one's time from when it was due, ms */
async function steady(target: Target): Promise<number[]> {
  const idle: Client[] = await Promise.all(Array.from({ length: CONNECTIONS }, () => Client.open(target)));
  const all = [...idle];
  const times: number[] = [];
  const began = performance.now();
  const answers: Promise<void>[] = [];
  let sent = 0;
  while (performance.now() - began < STEADY_MS) {
    const due = ((performance.now() - began) * STEADY_RPS) / 1000;
    for (; sent < due; sent++) {
      const at = began + (sent * 1000) / STEADY_RPS;
      const client = idle.pop() ?? (await Client.open(target));
      answers.push(
        client.ask().then(() => {
          times.push(performance.now() - at);
          idle.push(client);
        }),
      );
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(answers);
  for (const client of all) client.close();
  return times;
}

/** One keep-alive connection with one request at a time; answers carry a Content-Length. */
class Client {
  readonly #socket: Socket;
  readonly #request: string;
  #text = '';
  #answered: (() => void) | undefined;

  static open(target: Target): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: target.address, port: target.port, noDelay: true }, () => resolve(client));
      const client = new Client(socket, `GET / HTTP/1.1\r\nHost: ${target.host}\r\n\r\n`);
      socket.once('error', reject);
    });
  }

  private constructor(socket: Socket, request: string) {
    this.#socket = socket;
    this.#request = request;
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => this.#take(chunk));
  }

  ask(): Promise<void> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(this.#request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#text);
    const isChunked = length === null;
    if (isChunked ? !this.#text.endsWith('0\r\n\r\n') : this.#text.length < end + 4 + Number(length[1])) return;
    this.#text = '';
    this.#answered?.();
  }
}

function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
