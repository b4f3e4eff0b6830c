/** Upgrades of a connection: exec, attach and port-forward of a pod over WebSocket (or SPDY for port-forward). */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Status } from '../../../kube/errors.ts';
import { methodNotAllowed, unavailable } from '../errors.ts';
import { callOf } from '../handler.ts';
import { authorizeResource } from '../http/authorize.ts';
import { isTrue } from '../verbs/call.ts';
import { identify, targetOf, type Surroundings } from '../http/requests.ts';
import { statusOf } from '../in-process.ts';
import { admitConnection } from '../verbs/admit.ts';
import { serveExec } from './exec.ts';
import { podOf } from './log.ts';
import { servePortForward } from './port-forward.ts';

/** Never rejects. */
export async function serveUpgrade(
  around: Surroundings,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  try {
    const target = targetOf(request.url ?? '/');
    const user = identify(around, request, target.path);
    const { route } = target;
    if (route.type !== 'resource') throw methodNotAllowed();
    const { core } = around;
    const call = callOf(core, {
      method: 'GET',
      route,
      query: target.query,
      contentType: undefined,
      body: undefined,
      user,
      agent: '',
      defaultFieldValidation: 'Ignore',
    });
    authorizeResource(core, user, request.method === 'POST' ? 'create' : 'get', route);
    if (call.info.group !== '' || call.info.plural !== 'pods') throw methodNotAllowed();
    const pod = podOf(core, call);
    const streams = around.podStreams();
    if (streams === undefined) throw unavailable('no node agent is running: pods cannot be reached yet');
    await admitConnection(core, call, ...connectionOf(route.subresource, target.parameters));
    const upgrade = { request, socket, head, pod, streams, parameters: target.parameters, log: core.log };
    if (route.subresource === 'exec' || route.subresource === 'attach')
      serveExec(upgrade, route.subresource === 'attach');
    else if (route.subresource === 'portforward') servePortForward(upgrade);
    else throw methodNotAllowed();
  } catch (error) {
    refuseUpgrade(socket, statusOf(error, around.core.log));
  }
}

/** What a connection is opened with, as admission sees it: kind and fields. */
function connectionOf(subresource: string | undefined, parameters: URLSearchParams): [kind: string, options: object] {
  if (subresource === 'portforward')
    return [
      'PodPortForwardOptions',
      {
        ports: parameters
          .getAll('ports')
          .flatMap((text) => text.split(','))
          .map(Number),
      },
    ];
  const streams = ['stdin', 'stdout', 'stderr', 'tty'].filter((name) => isTrue(parameters.get(name) ?? 'false'));
  const container = parameters.get('container');
  const common = { ...Object.fromEntries(streams.map((name) => [name, true])), ...(container ? { container } : {}) };
  if (subresource === 'attach') return ['PodAttachOptions', common];
  return ['PodExecOptions', { ...common, command: parameters.getAll('command') }];
}

/** Answers an upgrade with a plain HTTP response. */
export function refuseUpgrade(socket: Duplex, status: Status): void {
  const body = JSON.stringify(status) + '\n';
  const code = status.code ?? 500;
  socket.end(
    `HTTP/1.1 ${code} ${status.reason ?? 'Error'}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
