/** The pods of a Revision: the author's containers, told who they are. Source: reference sections 2.2 and 3.1. */
import type { Container, PodSpec } from '../../../../api/core.ts';
import type { Revision } from '../../../../api/serving/revision.ts';
import { runtimeClassFor } from '../../config/deployment.ts';
import type { ConfigStore } from '../../config/store.ts';
import { CONFIGURATION_LABEL, REVISION_LABEL, SERVICE_LABEL } from '../../keys.ts';
import { servingContainer, USER_PORT_NAME, userPort } from './port.ts';
import { readinessProbe, userPortProbe } from './probe.ts';

export type PodConfig = Pick<ConfigStore, 'autoscaler' | 'defaults' | 'deployment' | 'features' | 'observability'>;

type EnvVar = NonNullable<Container['env']>[number];

const VAR_LOG = 'knative-var-log';

export function makePodSpec(revision: Revision, config: PodConfig): PodSpec {
  const {
    containerConcurrency: _cc,
    timeoutSeconds,
    responseStartTimeoutSeconds: _rst,
    idleTimeoutSeconds: _its,
    ...spec
  } = revision.spec;
  const serving = servingContainer(spec.containers);
  const customPorts = config.features.flags['multi-container-probing'] === 'Enabled';
  const containers = spec.containers.map((container, i) => {
    const digest = revision.status?.containerStatuses?.[i]?.imageDigest ?? '';
    const made = makeContainer(container, revision, container === serving, customPorts);
    return withVarLog(digest === '' ? made : { ...made, image: digest }, config);
  });
  const pod: PodSpec = { ...spec, containers, terminationGracePeriodSeconds: timeoutSeconds };
  pod.enableServiceLinks ??= config.defaults.enableServiceLinks;
  pod.runtimeClassName ??= runtimeClassFor(config.deployment, revision.metadata.labels ?? {});
  if (config.observability.varLogCollection) pod.volumes = [...(pod.volumes ?? []), { name: VAR_LOG, emptyDir: {} }];
  if (config.deployment.spreadOverNodes && pod.affinity === undefined) pod.affinity = spread(revision);
  return pod;
}

function makeContainer(container: Container, revision: Revision, isServing: boolean, customPorts: boolean): Container {
  const port = userPort(revision);
  const { labels = {}, name } = revision.metadata;
  const identity: EnvVar[] = [
    { name: 'K_REVISION', value: name },
    { name: 'K_CONFIGURATION', value: labels[CONFIGURATION_LABEL] ?? '' },
    { name: 'K_SERVICE', value: labels[SERVICE_LABEL] ?? '' },
  ];
  const own: EnvVar[] = isServing ? [{ name: 'PORT', value: String(port) }] : [];
  const { stdin: _stdin, tty: _tty, ...rest } = container;
  const made: Container = {
    ...rest,
    env: [...(container.env ?? []), ...own, ...identity],
    terminationMessagePolicy: container.terminationMessagePolicy ?? 'FallbackToLogsOnError',
  };
  if (container.readinessProbe !== undefined) made.readinessProbe = readinessProbe(container.readinessProbe, port);
  if (!isServing) return made;
  made.ports = [{ name: USER_PORT_NAME, containerPort: port, protocol: 'TCP' }];
  if (container.livenessProbe !== undefined)
    made.livenessProbe = userPortProbe(container.livenessProbe, port, !customPorts);
  if (container.startupProbe !== undefined) made.startupProbe = userPortProbe(container.startupProbe, port, false);
  return made;
}

function withVarLog(container: Container, config: PodConfig): Container {
  if (!config.observability.varLogCollection) return container;
  const field = (name: string, fieldPath: string): EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return {
    ...container,
    env: [
      ...(container.env ?? []),
      field('K_INTERNAL_POD_NAME', 'metadata.name'),
      field('K_INTERNAL_POD_NAMESPACE', 'metadata.namespace'),
    ],
    volumeMounts: [
      ...(container.volumeMounts ?? []),
      {
        name: VAR_LOG,
        mountPath: '/var/log',
        subPathExpr: `$(K_INTERNAL_POD_NAMESPACE)_$(K_INTERNAL_POD_NAME)_${container.name}`,
      },
    ],
  };
}

/** Pods of a Revision prefer nodes where none of them runs yet. */
function spread(revision: Revision): PodSpec['affinity'] {
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          podAffinityTerm: {
            topologyKey: 'kubernetes.io/hostname',
            labelSelector: { matchLabels: { [REVISION_LABEL]: revision.metadata.name } },
          },
        },
      ],
    },
  };
}
