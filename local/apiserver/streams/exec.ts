/** pods/exec and pods/attach over WebSocket. Source: Kubernetes' `v4.channel.k8s.io` and `v5.channel.k8s.io` protocols. */
import type { IncomingMessage } from 'node:http';
import { PassThrough, type Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { WebSocket } from 'ws';
import type { Pod } from '../../../api/core.ts';
import { failure, type Status } from '../../../kube/errors.ts';
import type { Logger } from '../../../kube/log.ts';
import type { ExecSession, PodStreams } from '../../../kube/pod-streams.ts';
import { badRequest } from '../errors.ts';
import { statusOf } from '../in-process.ts';
import { isObject } from '../json.ts';
import { acceptWebSocket, bytesOf, channelWriter, CLOSE_CHANNEL, sendOn } from './channels.ts';
import { containerOf } from './log.ts';
import { isTrue } from '../verbs/call.ts';

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly pod: Pod;
  readonly streams: PodStreams;
  readonly parameters: URLSearchParams;
  readonly log: Logger;
}

const PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4] as const;
const SUCCESS: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

/** @param attach follow what the container itself writes instead of running a command */
export function serveExec(upgrade: Upgrade, attach: boolean): void {
  const { request, socket, head, pod, parameters } = upgrade;
  const container = containerOf(pod, parameters.get('container') ?? undefined);
  const command = parameters.getAll('command');
  const wants = (name: string): boolean => isTrue(parameters.get(name) ?? 'false');
  if (!attach && command.length === 0) throw badRequest('you must specify at least one command for the container');
  if (attach && wants('stdin'))
    throw badRequest('the standard input of a running container cannot be attached to; use kubectl exec');
  const accepted = acceptWebSocket(request, socket, head, PROTOCOLS, (ws) => {
    const gone = new AbortController();
    ws.on('close', () => gone.abort());
    const session = sessionOf(ws, container, command, wants, gone.signal);
    const run = attach ? follow(upgrade, container, ws, gone.signal) : upgrade.streams.exec(pod, session);
    void run
      .then(exitStatus, (error: unknown) => statusOf(error, upgrade.log))
      .then((status) => finish(ws, session, status));
  });
  if (!accepted) throw badRequest(`unable to upgrade: only WebSocket with one of ${PROTOCOLS.join(', ')} is served`);
}

function sessionOf(
  ws: WebSocket,
  container: string,
  command: readonly string[],
  wants: (name: string) => boolean,
  signal: AbortSignal,
): ExecSession {
  const tty = wants('tty');
  const stdin = wants('stdin') ? new PassThrough() : undefined;
  let resized: ((columns: number, rows: number) => void) | undefined;
  let size: [columns: number, rows: number] | undefined;
  ws.on('message', (data) => {
    const bytes = bytesOf(data);
    const content = bytes.subarray(1);
    switch (bytes[0]) {
      case STDIN:
        // An empty message is how some clients open the channel.
        if (stdin === undefined || content.length === 0 || stdin.writableEnded) break;
        if (!stdin.write(content)) {
          ws.pause();
          stdin.once('drain', () => ws.resume());
        }
        break;
      case RESIZE: {
        size = sizeIn(content) ?? size;
        if (size !== undefined) resized?.(...size);
        break;
      }
      case CLOSE_CHANNEL:
        if (content[0] === STDIN) stdin?.end();
        break;
      default:
    }
  });
  ws.on('close', () => stdin?.end());
  return {
    container,
    command,
    tty,
    stdin,
    stdout: wants('stdout') ? channelWriter(ws, STDOUT) : undefined,
    // A terminal has one output.
    stderr: wants('stderr') && !tty ? channelWriter(ws, STDERR) : undefined,
    onResize: tty
      ? (resize) => {
          resized = resize;
          if (size !== undefined) resize(...size);
        }
      : undefined,
    signal,
  };
}

async function follow(upgrade: Upgrade, container: string, ws: WebSocket, signal: AbortSignal): Promise<number> {
  const log = await upgrade.streams.logs(upgrade.pod, { container, follow: true, tailLines: 0 }, signal);
  await pipeline(log, channelWriter(ws, STDOUT));
  return 0;
}

function exitStatus(code: number): Status {
  if (code === 0) return SUCCESS;
  return failure(500, 'NonZeroExitCode', `command terminated with non-zero exit code: exit code ${code}`, {
    causes: [{ reason: 'ExitCode', message: String(code) }],
  });
}

function finish(ws: WebSocket, session: ExecSession, status: Status): void {
  const outputs = [session.stdout, session.stderr].filter((stream) => stream !== undefined);
  const sent = outputs.map(
    (stream) => new Promise<void>((resolve) => (stream.destroyed ? resolve() : stream.end(() => resolve()))),
  );
  void Promise.allSettled(sent).then(() => {
    sendOn(ws, ERROR, Buffer.from(JSON.stringify(status)), () => ws.close(1000));
  });
}

function sizeIn(content: Buffer): [columns: number, rows: number] | undefined {
  try {
    const value: unknown = JSON.parse(content.toString('utf8'));
    if (isObject(value) && typeof value.Width === 'number' && typeof value.Height === 'number')
      return [value.Width, value.Height];
  } catch {
    // Not a size: the terminal keeps the one it has.
  }
  return undefined;
}
