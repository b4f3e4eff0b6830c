/** Why a container does not run, or runs and is not ready. */
import { constants } from 'node:os';
import type { Container, Pod } from '../../api/core.ts';
import { shellWord } from '../shell-word.ts';
import { cause, ok, type Command, type Finding, type Step } from './diagnosis.ts';
import { warningsOf, type Graph } from './graph.ts';
import { formatAge, inNamespace, oneLine, plural } from './words.ts';

type Status = NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number];
type Terminated = NonNullable<NonNullable<Status['state']>['terminated']>;

const IMAGE_REASONS = new Set([
  'ErrImageNeverPull',
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ImageInspectError',
  'RegistryUnavailable',
]);
const LOG_LINES = 8;
/** A program that was started again has to run this long before it is taken to stay, ms. */
const SETTLING = 10_000;

export function explainContainer(
  graph: Graph,
  pod: Pod,
  container: Container,
  status: Status | undefined,
  purpose: 'container' | 'init container' = 'container',
): Finding {
  const step = { kind: purpose, name: container.name };
  const { waiting, terminated, running } = status?.state ?? {};
  const last = status?.lastState?.terminated;
  if (
    waiting?.reason === 'CrashLoopBackOff' ||
    (waiting !== undefined && IMAGE_REASONS.has(waiting.reason ?? '') === false && last !== undefined)
  )
    return explainExit(graph, pod, container, last ?? {}, status?.restartCount ?? 0, step, true);
  if (waiting !== undefined) return explainWaiting(graph, pod, container, waiting, step);
  if (terminated !== undefined) {
    if (purpose === 'init container' && terminated.exitCode === 0) return ok(step);
    return explainExit(graph, pod, container, terminated, status?.restartCount ?? 0, step, false);
  }
  if (running === undefined)
    return cause({ ...step, state: 'waiting' }, `${purpose} ${container.name} has not begun yet`);
  if (status?.ready === true) return ok(step);
  // Between two ends of a program that cannot stay, its end is what matters.
  const restarts = status?.restartCount ?? 0;
  const age = running.startedAt === undefined ? 0 : graph.now - Date.parse(running.startedAt);
  if (last !== undefined && restarts > 0 && age < SETTLING)
    return explainExit(graph, pod, container, last, restarts - 1, step, true);
  return explainUnready(graph, pod, container, status, running.startedAt, step);
}

function explainWaiting(
  graph: Graph,
  pod: Pod,
  container: Container,
  { reason = 'Waiting', message = '' }: { reason?: string; message?: string },
  step: Pick<Step, 'kind' | 'name'>,
): Finding {
  const told = message === '' ? mountFailure(graph, pod) : oneLine(message);
  const failed: Step = { ...step, state: 'failed', reason, ...(told === '' ? {} : { text: told }) };
  if (IMAGE_REASONS.has(reason)) {
    const image = (container.image ?? '').replace(/@sha256:.*/, '');
    return cause(failed, imageText(image, told), imageCommands(graph, pod, image));
  }
  const missing = missingSource(graph, pod, told);
  if (missing !== undefined) return cause(failed, missing.text, missing.next);
  if (reason === 'ContainerCreating' || reason === 'PodInitializing')
    return cause(
      { ...failed, state: told === '' ? 'waiting' : 'failed' },
      told === '' ? `${step.kind} ${step.name} is being created` : told,
      told === '' ? [] : [describe(graph, pod)],
    );
  return cause(failed, `${step.kind} ${step.name} cannot be started: ${told === '' ? reason : told}`, [
    describe(graph, pod),
  ]);
}

/** A volume that cannot be mounted is told by an event only. */
function mountFailure(graph: Graph, pod: Pod): string {
  const event = warningsOf(graph, pod)
    .filter(({ reason }) => reason === 'FailedMount' || reason === 'FailedCreatePodSandBox')
    .at(-1);
  return event?.message === undefined ? '' : oneLine(event.message);
}

/** Something that the pod refers to is not there: what, and the command that makes it. */
export function missingSource(
  graph: Graph,
  pod: { readonly metadata: { readonly namespace?: string } },
  message: string,
): { readonly text: string; readonly next: readonly Command[] } | undefined {
  const flag = inNamespace(graph, pod.metadata.namespace);
  const whole = /\b(secret|configmap|serviceaccount|persistentvolumeclaim)s? "([^"]+)" not found/i.exec(message);
  if (whole !== null) {
    const [, found = '', name = ''] = whole;
    const kind = found.toLowerCase();
    const named =
      { secret: 'Secret', configmap: 'ConfigMap', serviceaccount: 'ServiceAccount' }[kind] ?? 'PersistentVolumeClaim';
    const words = { secret: 'secret generic', configmap: 'configmap', serviceaccount: 'serviceaccount' }[kind];
    const literal = kind === 'serviceaccount' ? '' : ' --from-literal=KEY=VALUE';
    return {
      text: `the ${named} "${name}" does not exist in namespace ${pod.metadata.namespace ?? ''}`,
      next:
        words === undefined
          ? [{ run: `kubectl get pvc${flag}`, why: 'see which claims there are' }]
          : [
              {
                run: `kubectl create ${words} ${shellWord(name)}${literal}${flag}`,
                why: 'make it; the pod goes on by itself',
              },
              {
                run: `kubectl get ${kind === 'configmap' ? 'configmaps' : `${kind}s`}${flag}`,
                why: 'see which there are',
              },
            ],
    };
  }
  const key = /couldn't find key (\S+) in (Secret|ConfigMap) (?:([^/\s]+)\/)?(\S+)/.exec(message);
  if (key === null) return undefined;
  const [, wanted = '', kind = '', , name = ''] = key;
  return {
    text: `the ${kind} "${name}" has no key "${wanted}"`,
    next: [
      { run: `kubectl describe ${kind.toLowerCase()} ${shellWord(name)}${flag}`, why: 'see which keys it has' },
      {
        run:
          kind === 'Secret'
            ? `kubectl patch secret ${shellWord(name)}${flag} -p '{"stringData":{"${wanted}":"VALUE"}}'`
            : `kubectl patch configmap ${shellWord(name)}${flag} --type merge -p '{"data":{"${wanted}":"VALUE"}}'`,
        why: 'add it; the pod goes on by itself',
      },
    ],
  };
}

/** The messages say twice that it failed, and to whom it is missing; once is enough. */
export function imageText(image: string, message: string): string {
  const detail = message
    .replace(/^Unable to fetch image "[^"]*": /, '')
    .replace(/^failed to resolve image to digest: /, '')
    .replace(/; run: zeroth build .*$/, '');
  const itself = `image "${image}" `;
  const rest = detail.startsWith(itself) ? `it ${detail.slice(itself.length)}` : detail;
  return `the image "${image}" cannot be had${rest === '' ? '' : `: ${rest}`}`;
}

export function imageCommands(
  graph: Graph,
  { metadata: { namespace } }: { readonly metadata: { readonly namespace?: string } },
  image: string,
): Command[] {
  if (graph.local)
    return [
      {
        run: `zeroth build DIR -t ${shellWord(image)}`,
        why: 'make the folder DIR into that image; what waits for it goes on by itself',
      },
    ];
  const flag = inNamespace(graph, namespace);
  return [
    { run: `docker pull ${shellWord(image)}`, why: 'is the name right, and may you pull it?' },
    {
      run: `kubectl create secret docker-registry REGISTRY --docker-server=HOST --docker-username=USER --docker-password=PASSWORD${flag}`,
      why: 'for a private registry; name it in imagePullSecrets',
    },
  ];
}

function explainExit(
  graph: Graph,
  pod: Pod,
  container: Container,
  end: Partial<Terminated>,
  restarts: number,
  step: Pick<Step, 'kind' | 'name'>,
  waits: boolean,
): Finding {
  const { exitCode = 0, reason } = end;
  const how = exitText(container, end);
  const again = restarts > 0 ? `, ${plural(restarts + 1, 'time')} so far` : '';
  const log = logOf(graph, pod, container.name, true, end.message);
  const since = end.finishedAt;
  const failed: Step = {
    ...step,
    state: 'failed',
    reason: reason === undefined || reason === 'Error' || reason === 'Completed' ? `ExitCode${exitCode}` : reason,
    text: `${how}${again}`,
    ...(since === undefined ? {} : { since }),
    ...(log.length === 0 ? {} : { log }),
  };
  const next: Command[] = [
    {
      run: `zeroth logs ${shellWord(pod.metadata.name)} -c ${shellWord(container.name)}${waits ? ' --previous' : ''} --tail 50${inNamespace(graph, pod.metadata.namespace)}`,
      why: 'all that it said before it ended',
    },
  ];
  if (reason === 'OOMKilled') {
    const limit = container.resources?.limits?.['memory'];
    next.unshift({
      run: `${editCommand(graph, pod)}`,
      why: `raise resources.limits.memory${limit === undefined ? '' : ` (now ${limit})`} of container ${container.name}`,
    });
  }
  return cause(failed, `${step.kind} ${step.name} of pod ${pod.metadata.name} ${how}${again}`, next);
}

/** How a container ended, in words. */
export function exitText(
  container: Container,
  { exitCode = 0, signal, reason, message = '' }: Partial<Terminated>,
): string {
  if (reason === 'OOMKilled') {
    const limit = container.resources?.limits?.['memory'];
    return `was killed because it used more memory than its limit${limit === undefined ? '' : ` of ${limit}`}`;
  }
  if (reason === 'StartError' || reason === 'ContainerCannotRun')
    return `could not be started: ${oneLine(message) || reason}`;
  if (reason === 'ContainerStatusUnknown') return 'was lost when its node agent stopped';
  if (exitCode === 0) return 'ended by itself with exit code 0, but a server has to go on running';
  const number = signal ?? (exitCode > 128 && exitCode <= 192 ? exitCode - 128 : undefined);
  const name = Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  if (name !== undefined) return `was ended by ${name}${SIGNALS[name] ?? ''} (exit code ${exitCode})`;
  return `ended with exit code ${exitCode}${EXIT_CODES[exitCode] ?? ''}`;
}

const SIGNALS: Readonly<Record<string, string>> = {
  SIGKILL: ', from outside: a memory limit of the machine, a failed liveness probe, or somebody',
  SIGSEGV: ', a fault in the program',
  SIGABRT: ', which it sent itself',
};

const EXIT_CODES: Readonly<Record<number, string>> = {
  126: ' (its command may not be executed)',
  127: ' (its command was not found)',
};

function explainUnready(
  graph: Graph,
  pod: Pod,
  container: Container,
  status: Status | undefined,
  startedAt: string | undefined,
  step: Pick<Step, 'kind' | 'name'>,
): Finding {
  const starting = status?.started === false && container.startupProbe !== undefined;
  const probe = starting ? container.startupProbe : container.readinessProbe;
  const since = startedAt === undefined ? undefined : Date.parse(startedAt);
  const told = warningsOf(graph, pod)
    .filter(({ reason, message = '' }) => reason === 'Unhealthy' && /^(Readiness|Startup)/i.test(message))
    .at(-1)?.message;
  const log = logOf(graph, pod, container.name, false);
  const age = since === undefined ? '' : ` for ${formatAge(graph.now - since)}`;
  const kind = starting ? 'startup' : 'readiness';
  const what =
    probe === undefined ? 'is not ready' : `does not pass its ${kind} probe (${probeText(container, probe)})`;
  const crashed = status?.lastState?.terminated;
  const before = crashed === undefined ? '' : `; before, it ${exitText(container, crashed)}`;
  const waiting: Step = {
    ...step,
    state: since !== undefined && graph.now - since > 10_000 ? 'failed' : 'waiting',
    reason: probe === undefined ? 'NotReady' : `${kind === 'startup' ? 'Startup' : 'Readiness'}ProbeFailing`,
    text: `runs${age} and ${what}${told === undefined ? '' : `: ${oneLine(told)}`}${before}`,
    ...(startedAt === undefined ? {} : { since: startedAt }),
    ...(log.length === 0 ? {} : { log }),
  };
  const flag = inNamespace(graph, pod.metadata.namespace);
  const port = container.ports?.[0]?.containerPort;
  const advice =
    probe?.exec === undefined && port !== undefined ? '; does the program listen on $PORT, on all addresses?' : '';
  return cause(
    waiting,
    `${step.kind} ${step.name} of pod ${pod.metadata.name} runs, but ${what}${told === undefined ? advice : `: ${oneLine(told)}`}${before}`,
    [
      {
        run: `zeroth logs ${shellWord(pod.metadata.name)} -c ${shellWord(container.name)} --tail 50${flag}`,
        why: 'what it says while it starts',
      },
      ...(port === undefined
        ? []
        : [
            {
              run: `kubectl exec ${shellWord(pod.metadata.name)} -c ${shellWord(container.name)}${flag} -- sh -c 'echo PORT=$PORT; ss -ltn || netstat -ltn'`,
              why: 'where it listens',
            },
          ]),
    ],
  );
}

type Probe = NonNullable<Container['readinessProbe']>;

export function probeText(container: Container, { httpGet, tcpSocket, grpc, exec }: Probe): string {
  const declared = container.ports?.[0]?.containerPort;
  const at = (port: number | string | undefined): string =>
    port === undefined || port === 0 ? (declared === undefined ? 'its port' : `port ${declared}`) : `port ${port}`;
  if (httpGet !== undefined) return `GET ${httpGet.path ?? '/'} on ${at(httpGet.port)}`;
  if (grpc !== undefined) return `gRPC health on ${at(grpc.port)}`;
  if (exec !== undefined) return `command ${(exec.command ?? []).join(' ')}`;
  return `TCP connection to ${at(tcpSocket?.port)}`;
}

function logOf(graph: Graph, pod: Pod, container: string, ended: boolean, message?: string): string[] {
  const tails = graph.logs.filter((one) => one.pod === pod.metadata.name && one.container === container);
  const tail = tails.find(({ previous }) => previous === ended) ?? tails[0];
  const lines = tail === undefined || tail.lines.length === 0 ? (message ?? '').split('\n') : tail.lines;
  return lines
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-LOG_LINES);
}

function editCommand(graph: Graph, pod: Pod): string {
  const service = pod.metadata.labels?.['serving.knative.dev/service'];
  const flag = inNamespace(graph, pod.metadata.namespace);
  return service === undefined || service === ''
    ? `kubectl edit pod ${shellWord(pod.metadata.name)}${flag}`
    : `kubectl edit ksvc ${shellWord(service)}${flag}`;
}

export function describe(graph: Graph, pod: Pod): Command {
  return {
    run: `kubectl describe pod ${shellWord(pod.metadata.name)}${inNamespace(graph, pod.metadata.namespace)}`,
    why: 'its events',
  };
}
