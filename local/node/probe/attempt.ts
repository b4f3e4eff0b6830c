/** One probe of a container: a connection, a request or a command. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { PassThrough } from 'node:stream';
import type { RunningContainer } from '../runtime/runtime.ts';
import { grpcHealth } from './grpc-health.ts';
import type { ProbeResult } from './result.ts';
import type { Probe } from './schedule.ts';
import { messageOf } from '../../../kube/message.ts';

export interface ProbeTarget {
  readonly host: string;
  /** The real port of a declared one (number or name). 0 means the container's first. */
  readonly port: (declared: number | string) => number;
  /** Asked instead of connecting, where a connection would not tell. */
  readonly listens?: (declared: number | string) => boolean;
  readonly container: RunningContainer;
}

const PASSED: ProbeResult = { success: true };
const USER_AGENT = 'kube-probe/1.35';
/** A command's output that is worth keeping. */
const OUTPUT_BYTES = 10 * 1024;

/** Never rejects. */
export async function attemptProbe(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
  const timeout = (probe.timeoutSeconds ?? 1) * 1000 || 1000;
  try {
    const { exec, httpGet, tcpSocket, grpc } = probe;
    if (exec !== undefined) return await probeExec(exec.command ?? [], target, timeout);
    if (httpGet !== undefined) return await probeHttp(httpGet, target, timeout);
    if (tcpSocket !== undefined && target.listens !== undefined && tcpSocket.host === undefined)
      return target.listens(tcpSocket.port) ? PASSED : failed(`nothing listens on port ${tcpSocket.port}`);
    if (tcpSocket !== undefined)
      return await probeTcp(tcpSocket.host ?? target.host, target.port(tcpSocket.port), timeout);
    if (grpc !== undefined) return await grpcHealth(target.host, target.port(grpc.port), grpc.service ?? '', timeout);
    return failed('the probe has no handler');
  } catch (error) {
    return failed(messageOf(error));
  }
}

const failed = (message: string): ProbeResult => ({ success: false, message });

function probeTcp(host: string, port: number, timeout: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (result: ProbeResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => end(failed(`no connection within ${timeout} ms`)), timeout);
    socket.once('connect', () => end(PASSED));
    socket.once('error', (error) => end(failed(error.message)));
  });
}

type HttpGet = NonNullable<Probe['httpGet']>;

function probeHttp(get: HttpGet, target: ProbeTarget, timeout: number): Promise<ProbeResult> {
  const headers = Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value]));
  const named = Object.keys(headers).map((name) => name.toLowerCase());
  if (!named.includes('user-agent')) headers['User-Agent'] = USER_AGENT;
  if (!named.includes('accept')) headers.Accept = '*/*';
  const host = get.host === undefined || get.host === '' ? target.host : get.host;
  const path = get.path === undefined || get.path === '' ? '/' : get.path.startsWith('/') ? get.path : `/${get.path}`;
  const options = {
    host,
    port: target.port(get.port),
    path,
    headers: { ...headers, Connection: 'close' },
    agent: false,
  };
  return new Promise((resolve) => {
    const request =
      get.scheme === 'HTTPS' ? httpsRequest({ ...options, rejectUnauthorized: false }) : httpRequest(options);
    const end = (result: ProbeResult): void => {
      clearTimeout(timer);
      request.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => end(failed(`no answer within ${timeout} ms`)), timeout);
    request.once('response', ({ statusCode = 0 }) =>
      end(statusCode >= 200 && statusCode < 400 ? PASSED : failed(`HTTP probe failed with statuscode: ${statusCode}`)),
    );
    request.on('error', (error) => end(failed(error.message)));
    request.end();
  });
}

async function probeExec(command: readonly string[], target: ProbeTarget, timeout: number): Promise<ProbeResult> {
  const output = new PassThrough();
  let text = '';
  output.on('data', (chunk: Buffer) => {
    if (text.length < OUTPUT_BYTES) text += chunk.toString('utf8');
  });
  const signal = AbortSignal.timeout(timeout);
  const code = await target.container.command(command, { stdout: output, stderr: output, signal });
  if (signal.aborted) return failed(`command timed out after ${timeout} ms`);
  return code === 0 ? PASSED : failed(text.trim().slice(0, OUTPUT_BYTES) || `command exited with ${code}`);
}
