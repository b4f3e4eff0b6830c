/**
 * A request to a Service at zero, from its first byte to the answer's first byte, beside what the bare process needs
 * from spawn to its first answer; runs of both take turns, since the machine is noisy.
 */
import { spawn } from 'node:child_process';
import { connect, createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { atZero, createUntilReady, startBench } from './knative.ts';
import { median, percentile, type Figure } from './figure.ts';

const PROGRAM = resolve('examples', 'hello', 'server.mjs');

export async function coldStart(runs = 15): Promise<Figure[]> {
  const bench = await startBench();
  try {
    const cold: number[] = [];
    const bare: number[] = [];
    for (let i = 0; i < runs; i++) await createUntilReady(bench.client, atZero(`cold-${i}`));
    for (let i = 0; i < runs; i++) {
      bare.push(await bareStart());
      const began = performance.now();
      await firstByte(bench.instance.httpPort, `cold-${i}.default.localhost`);
      cold.push(performance.now() - began);
    }
    const added = median(cold) - median(bare);
    const note = `median ${median(cold).toFixed(0)} ms (p95 ${percentile(cold, 95).toFixed(0)}) − bare ${median(bare).toFixed(0)} ms, ${runs} runs`;
    return [{ name: 'cold start over the bare process', value: added, unit: 'ms', target: 40, better: 'less', note }];
  } finally {
    await bench.close();
  }
}

const PATIENCE = 30_000;

/** Milliseconds from spawn to the first byte of the first answer. */
async function bareStart(): Promise<number> {
  const port = await freePort();
  const began = performance.now();
  const env = { ...process.env, NODE_OPTIONS: '', PORT: String(port) };
  const child = spawn(process.execPath, [PROGRAM], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    for (;;) {
      if (child.exitCode !== null) throw new Error(`the bare process ended with ${child.exitCode}`);
      if (performance.now() - began > PATIENCE) throw new Error('the bare process never answered');
      try {
        await firstByte(port, 'localhost');
        return performance.now() - began;
      } catch {
        await new Promise((again) => setTimeout(again, 1));
      }
    }
  } finally {
    if (child.exitCode === null) {
      child.kill('SIGKILL');
      await new Promise((gone) => child.once('exit', gone));
    }
  }
}

function firstByte(port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: close\r\n\r\n`);
    });
    socket.once('data', (chunk) => {
      socket.destroy();
      const status = chunk.toString('latin1', 9, 12);
      if (status === '200') resolve();
      else reject(new Error(`answered ${chunk.toString('latin1', 0, 200)}`));
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed without an answer')));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
