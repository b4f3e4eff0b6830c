/** pods/exec and pods/attach: a command in a container, or what the container itself writes, over streams of the client. */
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { failure, type Status } from '../../../kube/errors.ts';
import { badRequest } from '../errors.ts';
import { statusOf } from '../in-process.ts';
import { isTrue } from '../verbs/call.ts';
import type { Ends, Upgrade } from './exec-ends.ts';
import { serveSpdyExec } from './exec-spdy.ts';
import { serveWebSocketExec } from './exec-websocket.ts';
import { containerOf } from './log.ts';

const SUCCESS: Status = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success' };

/**
 * @param attach follow what the container writes instead of running a command
 * @throws ApiError 400 before anything is answered
 */
export function serveExec(upgrade: Upgrade, attach: boolean): void {
  const { pod, parameters } = upgrade;
  const container = containerOf(pod, parameters.get('container') ?? undefined);
  const command = parameters.getAll('command');
  const asks = (name: string): boolean => isTrue(parameters.get(name) ?? 'false');
  const tty = asks('tty');
  const wanted = { stdin: asks('stdin'), stdout: asks('stdout'), stderr: asks('stderr') && !tty, tty };
  if (!attach && command.length === 0) throw badRequest('you must specify at least one command for the container');
  if (attach && wanted.stdin)
    throw badRequest('the standard input of a running container cannot be attached to; use kubectl exec');
  const start = (ends: Ends): void => {
    const { stdin, stdout, stderr, onResize, signal } = ends;
    const run = attach
      ? follow(upgrade, container, ends)
      : upgrade.streams.exec(pod, { container, command, tty, stdin, stdout, stderr, onResize, signal });
    void run
      .then(exitStatus, (error: unknown) => statusOf(error, upgrade.log))
      .then(async (status) => {
        await Promise.all([ended(stdout), ended(stderr)]);
        ends.finish(status);
      });
  };
  if (!serveWebSocketExec(upgrade, wanted, start) && !serveSpdyExec(upgrade, wanted, start))
    throw badRequest(
      'unable to upgrade: ask for WebSocket with v5.channel.k8s.io or v4.channel.k8s.io, or for SPDY/3.1',
    );
}

async function follow(upgrade: Upgrade, container: string, { stdout, signal }: Ends): Promise<number> {
  const log = await upgrade.streams.logs(upgrade.pod, { container, follow: true, tailLines: 0 }, signal);
  if (stdout === undefined) log.destroy();
  else await pipeline(log, stdout);
  return 0;
}

function exitStatus(code: number): Status {
  if (code === 0) return SUCCESS;
  return failure(500, 'NonZeroExitCode', `command terminated with non-zero exit code: exit code ${code}`, {
    causes: [{ reason: 'ExitCode', message: String(code) }],
  });
}

function ended(stream: Writable | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (stream === undefined || stream.destroyed || stream.writableFinished) return resolve();
    stream.once('close', resolve).once('error', () => resolve());
    if (stream.writableEnded) stream.once('finish', resolve);
    else stream.end(() => resolve());
  });
}
