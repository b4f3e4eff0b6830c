/** postStart and preStop. Source: Kubernetes "Container Lifecycle Hooks". */
import type { Container } from '../../../api/core.ts';
import { attemptProbe, type ProbeTarget } from '../probe/attempt.ts';
import type { RunningContainer } from '../runtime/runtime.ts';

type Hook = NonNullable<NonNullable<Container['lifecycle']>['preStop']>;

/** Runs to its end or for `limit` ms; returns what went wrong. */
export async function runHook(
  hook: Hook,
  running: RunningContainer,
  target: ProbeTarget,
  limit: number,
): Promise<string | undefined> {
  const timeoutSeconds = Math.max(0.001, limit / 1000);
  const gone = running.exited.then(() => undefined);
  if (hook.sleep !== undefined)
    return Promise.race([pause(Math.min(limit, hook.sleep.seconds * 1000)).then(() => undefined), gone]);
  const { exec, httpGet, tcpSocket } = hook;
  const result = await Promise.race([attemptProbe({ exec, httpGet, tcpSocket, timeoutSeconds }, target), gone]);
  return result === undefined || result.success ? undefined : result.message;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
