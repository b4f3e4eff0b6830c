/**
 * The activator: the data path of Knative Serving, and the gateway in front of it. A process of its own.
 *
 * In: HTTP requests on the external and the cluster-internal listener; Ingress, Revision, EndpointSlice and Service
 * objects by watch. Out: the same requests at a pod; load reports and wakes to the autoscaler; Ingress statuses.
 * A request for a revision without pods waits here. The pods' concurrency limit is kept here and nowhere else.
 * It never writes anything but Ingress statuses and never polls. Configuration: settings.ts and ARCHITECTURE.md,
 * "Data-path processes".
 */
import { systemClock } from '../../kube/clock.ts';
import { createLogger } from '../../kube/log.ts';
import { transportFromEnvironment } from '../../kube/http-transport.ts';
import { Activator } from './activator.ts';
import { settingsFrom } from './settings.ts';
import { messageOf } from '../../kube/message.ts';

type Message =
  | { readonly type: 'listening'; readonly addresses: object }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly reason: string; readonly message: string };

async function run(): Promise<void> {
  const settings = settingsFrom(process.env);
  const log = createLogger(settings.logLevel, { process: 'activator' });
  const transport = transportFromEnvironment(process.env);
  const activator = new Activator({ settings, transport, clock: systemClock, log, writeLine });
  tell({ type: 'listening', addresses: await activator.listen() });

  const drain = (why: string): void => {
    log.info('draining', { why });
    activator.drain().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error('drain failed', { error });
        process.exit(1);
      },
    );
  };
  process.once('disconnect', () => drain('the parent is gone'));
  process.once('SIGTERM', () => drain('SIGTERM'));
  process.once('SIGINT', () => drain('SIGINT'));
  await activator.start();
  tell({ type: 'ready' });
  log.info('serving');
}

/** Lines for a reader that does not keep up are not collected without end. */
const MAX_UNWRITTEN = 4 * 1024 * 1024;

function writeLine(line: string): boolean {
  if (process.stdout.writableLength > MAX_UNWRITTEN) return false;
  process.stdout.write(`${line}\n`);
  return true;
}

function tell(message: Message): void {
  // A parent that is gone shows as `disconnect`.
  process.send?.(message, undefined, {}, () => undefined);
}

run().catch((error: unknown) => {
  const message = messageOf(error);
  const reason = error instanceof Error && 'code' in error ? String(error.code) : 'Failed';
  process.stderr.write(
    `${JSON.stringify({ level: 'error', process: 'activator', message: `cannot start: ${message}` })}\n`,
  );
  const exit = (): void => process.exit(2);
  if (process.send === undefined) exit();
  else process.send({ type: 'failed', reason, message } satisfies Message, undefined, {}, exit);
});
