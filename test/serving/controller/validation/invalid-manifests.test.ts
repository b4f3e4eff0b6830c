import t from 'tap';
import {
  admit,
  CONFIGURATION,
  DOMAIN_MAPPING,
  INGRESS,
  put,
  REVISION,
  ROUTE,
  SERVICE,
  type Manifest,
} from '../admit.ts';

const C = 'spec.template.spec.containers[0]';
const S = 'spec.template.spec';
const A = (name: string) => `spec.template.metadata.annotations."autoscaling.knative.dev/${name}"`;
const at = (name: string) => `spec.template.metadata.annotations.autoscaling.knative.dev/${name}`;
const DNS1123 =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const DNS1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const MOUNTED = {
  [`${S}.volumes`]: [{ name: 'v', secret: { secretName: 's' } }],
  [`${C}.volumeMounts`]: [{ name: 'v', mountPath: '/v' }],
};
const TWO = {
  [`${S}.containers`]: [{ image: 'a', ports: [{ containerPort: 80 }] }, { image: 'b' }],
};
type Case = readonly [name: string, changes: Record<string, unknown>, message: string, config?: ConfigMaps];
type ConfigMaps = Record<string, Record<string, string>>;
const feature = (name: string, value = 'enabled'): ConfigMaps => ({ 'config-features': { [name]: value } });

/** The text after "validation failed: ". */
function check(kind: string, base: Manifest, cases: readonly Case[]): void {
  t.test(`${kind}: what is wrong is refused, and says where`, (t) => {
    for (const [name, changes, message, config] of cases) {
      const { verdict } = admit(put(base, changes), { config });
      t.equal(
        verdict.denied?.message,
        `admission webhook "validation.webhook.serving.knative.dev" denied the request: validation failed: ${message}`,
        name,
      );
    }
    t.end();
  });
}

check('Service', SERVICE, [
  // Names and annotations of the object.
  ['name with a capital', { 'metadata.name': 'Hello' }, `not a DNS 1035 label: [${DNS1035}]: metadata.name`],
  ['name with a dot', { 'metadata.name': 'a.b' }, `not a DNS 1035 label: [${DNS1035}]: metadata.name`],
  [
    'name too long',
    { 'metadata.name': 'a'.repeat(64) },
    'not a DNS 1035 label: [must be no more than 63 characters]: metadata.name',
  ],
  [
    'generateName starting with a digit',
    { 'metadata.name': undefined, 'metadata.generateName': '1-' },
    `not a DNS 1035 label prefix: [${DNS1035}]: metadata.generateName`,
  ],
  ['no name', { 'metadata.name': undefined }, 'name or generateName is required: metadata.name'],
  [
    'autoscaling annotation in the wrong place',
    { 'metadata.annotations."autoscaling.knative.dev/min-scale"': '1' },
    'invalid key name "autoscaling.knative.dev/min-scale": metadata.annotations\nautoscaling annotations must be put under "spec.template.metadata.annotations" to work',
  ],
  [
    'rollout duration that is none',
    { 'metadata.annotations."serving.knative.dev/rollout-duration"': 'soon' },
    'invalid value: soon: metadata.annotations.serving.knative.dev/rollout-duration',
  ],
  [
    'rollout duration of milliseconds',
    { 'metadata.annotations."serving.knative.dev/rollout-duration"': '100ms' },
    'rollout-duration=100ms is not at second precision: metadata.annotations.serving.knative.dev/rollout-duration',
  ],
  [
    'negative rollout duration',
    { 'metadata.annotations."serving.knative.dev/rolloutDuration"': '-3s' },
    'rollout-duration=-3s must be positive: metadata.annotations.serving.knative.dev/rolloutDuration',
  ],
  // The template's metadata.
  [
    'networking annotation nobody knows',
    { 'spec.template.metadata.annotations."networking.knative.dev/foo"': 'x' },
    'invalid key name "networking.knative.dev/foo": spec.template.metadata.annotations',
  ],
  [
    'progress deadline of milliseconds',
    { 'spec.template.metadata.annotations."serving.knative.dev/progress-deadline"': '1500ms' },
    'progress-deadline=1500ms is not at second precision: spec.template.metadata.annotations.serving.knative.dev/progress-deadline',
  ],
  [
    'sidecar percentage too small',
    { 'spec.template.metadata.annotations."queue.sidecar.serving.knative.dev/resource-percentage"': '0.01' },
    'expected 0.1 <= 0.01 <= 100: spec.template.metadata.annotations[queue.sidecar.serving.knative.dev/resource-percentage]',
  ],
  [
    'sidecar quantity that is none',
    { 'spec.template.metadata.annotations."queue.sidecar.serving.knative.dev/cpu-resource-request"': 'much' },
    'invalid value: much: spec.template.metadata.annotations[queue.sidecar.serving.knative.dev/cpu-resource-request]',
  ],
  [
    'revision name without the prefix',
    { 'spec.template.metadata.name': 'other' },
    'invalid value: "other" must have prefix "hello-": spec.template.metadata.name',
  ],
  [
    'revision name that is no label',
    { 'spec.template.metadata.name': 'hello-A' },
    `invalid value: not a DNS 1035 label: [${DNS1035}]: spec.template.metadata.name`,
  ],
  [
    'revision name beside generateName',
    { 'metadata.name': undefined, 'metadata.generateName': 'hello-', 'spec.template.metadata.name': 'hello-a' },
    'must not set the field(s): spec.template.metadata.name',
  ],
  // The pod.
  ['no containers', { [`${S}.containers`]: [] }, 'missing field(s): spec.template.spec.containers'],
  ['empty container', { [C]: {} }, 'missing field(s): spec.template.spec.containers[0].image'],
  ['no image', { [`${C}.image`]: undefined }, `missing field(s): ${C}.image`],
  [
    'image that cannot be parsed',
    { [`${C}.image`]: 'Hello World' },
    `Failed to parse image reference: ${C}.image\nimage: "Hello World", error: could not parse reference: Hello World`,
  ],
  ...[
    ['affinity', {}],
    ['topologySpreadConstraints', [{}]],
    ['hostAliases', [{}]],
    ['nodeSelector', { a: 'b' }],
    ['tolerations', [{}]],
    ['runtimeClassName', 'oci'],
    ['priorityClassName', 'high'],
    ['schedulerName', 's'],
    ['shareProcessNamespace', true],
    ['hostIPC', true],
    ['hostPID', true],
    ['hostNetwork', true],
    ['dnsPolicy', 'Default'],
    ['dnsConfig', {}],
    ['restartPolicy', 'Never'],
    ['terminationGracePeriodSeconds', 5],
    ['activeDeadlineSeconds', 5],
    ['nodeName', 'n'],
    ['hostname', 'h'],
    ['subdomain', 'd'],
    ['priority', 5],
    ['readinessGates', [{}]],
    ['automountServiceAccountToken', true],
  ].map(([field, value]): Case => [
    `pod field ${String(field)}`,
    { [`${S}.${String(field)}`]: value },
    `must not set the field(s): ${S}.${String(field)}`,
  ]),
  [
    'pod security context',
    { [`${S}.securityContext`]: { runAsUser: 1 } },
    `must not set the field(s): ${S}.securityContext, ${S}.securityContext.runAsUser`,
  ],
  [
    'user id out of bounds in an open pod security context',
    { [`${S}.securityContext`]: { runAsUser: -1, supplementalGroups: [1, -2] } },
    `expected 0 <= -1 <= 2147483647: ${S}.securityContext.runAsUser\nexpected 0 <= -2 <= 2147483647: ${S}.securityContext.supplementalGroups[1]`,
    feature('kubernetes.podspec-securitycontext'),
  ],
  [
    'init containers',
    { [`${S}.initContainers`]: [{ image: 'a' }] },
    `pod spec support for init-containers is off, but found 1 init containers: ${S}.initContainers`,
  ],
  [
    'probe in an init container',
    { [`${S}.initContainers`]: [{ image: 'a', livenessProbe: { exec: { command: ['x'] } } }] },
    `field not allowed in an init container: ${S}.initContainers[0].livenessProbe`,
    feature('kubernetes.podspec-init-containers'),
  ],
  [
    'service account that is no name',
    { [`${S}.serviceAccountName`]: 'Not Valid' },
    `invalid value: Not Valid: ${S}.serviceAccountName\n${DNS1123}`,
  ],
  // Containers.
  ...[
    ['lifecycle', {}],
    ['stdin', true],
    ['stdinOnce', true],
    ['tty', true],
    ['volumeDevices', [{}]],
  ].map(([field, value]): Case => [
    `container field ${String(field)}`,
    { [`${C}.${String(field)}`]: value },
    `must not set the field(s): ${C}.${String(field)}`,
  ]),
  [
    'reserved container name',
    { [`${C}.name`]: 'queue-proxy' },
    `"queue-proxy" is a reserved container name: ${C}.name`,
  ],
  [
    'several containers, none with a port',
    { [`${S}.containers`]: [{ image: 'a' }, { image: 'b' }] },
    `missing field(s): ${S}.containers[*].ports`,
  ],
  [
    'several containers with ports',
    { [`${S}.containers`]: ['a', 'b'].map((image) => ({ image, ports: [{ containerPort: 80 }] })) },
    `more than one container port is set: ${S}.containers[*].ports\nOnly a single port is allowed across all containers`,
  ],
  [
    'two ports',
    { [`${C}.ports`]: [{ containerPort: 80 }, { containerPort: 81 }] },
    `more than one container port is set: ${S}.containers[*].ports\nOnly a single port is allowed across all containers`,
  ],
  [
    'several containers, switched off',
    TWO,
    `multi-container is off, but found 2 containers: ${S}.containers`,
    feature('multi-container', 'disabled'),
  ],
  [
    'equal container names',
    { ...TWO, [`${S}.containers[0].name`]: 'x', [`${S}.containers[1].name`]: 'x' },
    `duplicate container name "x": ${S}.containers[1].name`,
  ],
  [
    'probe on a sidecar',
    { ...TWO, [`${S}.containers[1].livenessProbe`]: { exec: { command: ['x'] } } },
    `must not set the field(s): ${S}.containers[1].livenessProbe.exec`,
  ],
  [
    'sidecar probe without a port',
    { ...TWO, [`${S}.containers[1].livenessProbe`]: { httpGet: { path: '/' } } },
    `invalid value: 0: ${S}.containers[1].livenessProbe.httpGet.port\nProbe port must be specified`,
    feature('multi-container-probing'),
  ],
  [
    'reserved variable on a sidecar',
    { ...TWO, [`${S}.containers[1].env`]: [{ name: 'PORT', value: '1' }, { name: 'K_SERVICE' }] },
    `"K_SERVICE" is a reserved environment variable: ${S}.containers[1].env[1].name`,
  ],
  // Ports.
  [
    'port name of the author’s own',
    { [`${C}.ports`]: [{ name: 'web', containerPort: 80 }] },
    `Port name web is not allowed: ${C}.ports\nName must be empty, or one of: 'h2c', 'http1'`,
  ],
  ['UDP', { [`${C}.ports`]: [{ containerPort: 80, protocol: 'UDP' }] }, `invalid value: UDP: ${C}.ports.protocol`],
  [
    'port too large',
    { [`${C}.ports`]: [{ containerPort: 65536 }] },
    `expected 0 <= 65536 <= 65535: ${C}.ports.containerPort`,
  ],
  ['negative port', { [`${C}.ports`]: [{ containerPort: -1 }] }, `expected 0 <= -1 <= 65535: ${C}.ports.containerPort`],
  ...[8008, 8012, 8013, 8022, 9090, 9091].map((port): Case => [
    `reserved port ${port}`,
    { [`${C}.ports`]: [{ containerPort: port }] },
    `invalid value: ${port} is a reserved port: ${C}.ports.containerPort\n${port} is a reserved port, please use a different value`,
  ]),
  [
    'host port',
    { [`${C}.ports`]: [{ containerPort: 80, hostPort: 80 }] },
    `must not set the field(s): ${C}.ports.hostPort`,
  ],
  [
    'host IP',
    { [`${C}.ports`]: [{ containerPort: 80, hostIP: '1.1.1.1' }] },
    `must not set the field(s): ${C}.ports.hostIP`,
  ],
  // Environment.
  ...['PORT', 'K_SERVICE', 'K_CONFIGURATION', 'K_REVISION'].map((name): Case => [
    `variable ${name}`,
    { [`${C}.env`]: [{ name, value: 'x' }] },
    `"${name}" is a reserved environment variable: ${C}.env[0].name`,
  ]),
  ['variable without a name', { [`${C}.env`]: [{ value: 'x' }] }, `missing field(s): ${C}.env[0].name`],
  [
    'variable from a field',
    { [`${C}.env`]: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'x' } } }] },
    `must not set the field(s): ${C}.env[0].valueFrom.fieldRef`,
  ],
  [
    'envFrom of nothing',
    { [`${C}.envFrom`]: [{}] },
    `expected exactly one, got neither: ${C}.envFrom[0].configMapRef, ${C}.envFrom[0].secretRef`,
  ],
  [
    'envFrom of two',
    { [`${C}.envFrom`]: [{ configMapRef: { name: 'a' }, secretRef: { name: 'b' } }] },
    `expected exactly one, got both: ${C}.envFrom[0].configMapRef, ${C}.envFrom[0].secretRef`,
  ],
  // Security.
  [
    'privileged',
    { [`${C}.securityContext`]: { privileged: true } },
    `must not set the field(s): ${C}.securityContext.privileged`,
  ],
  [
    'SELinux options',
    { [`${C}.securityContext`]: { seLinuxOptions: {} } },
    `must not set the field(s): ${C}.securityContext.seLinuxOptions`,
  ],
  [
    'procMount',
    { [`${C}.securityContext`]: { procMount: 'Default' } },
    `must not set the field(s): ${C}.securityContext.procMount`,
  ],
  [
    'negative user',
    { [`${C}.securityContext`]: { runAsUser: -10 } },
    `expected 0 <= -10 <= 2147483647: ${C}.securityContext.runAsUser`,
  ],
  [
    'negative group',
    { [`${C}.securityContext`]: { runAsGroup: -1 } },
    `expected 0 <= -1 <= 2147483647: ${C}.securityContext.runAsGroup`,
  ],
  [
    'added capability',
    { [`${C}.securityContext`]: { capabilities: { add: ['NET_ADMIN'] } } },
    `must not set the field(s): ${C}.securityContext.capabilities.add`,
  ],
  ['claims of resources', { [`${C}.resources`]: { claims: [{}] } }, `must not set the field(s): ${C}.resources.claims`],
  [
    'termination message policy',
    { [`${C}.terminationMessagePolicy`]: 'Never' },
    `invalid value: Never: ${C}.terminationMessagePolicy`,
  ],
  // Probes.
  [
    'probe with two handlers',
    { [`${C}.livenessProbe`]: { exec: { command: ['x'] }, tcpSocket: { port: 0 } } },
    `expected exactly one, got both: ${C}.livenessProbe.exec, ${C}.livenessProbe.tcpSocket`,
  ],
  [
    'probe without a handler',
    { [`${C}.startupProbe`]: { periodSeconds: 1 } },
    `expected exactly one, got neither: ${C}.startupProbe.exec, ${C}.startupProbe.grpc, ${C}.startupProbe.httpGet, ${C}.startupProbe.tcpSocket`,
  ],
  [
    'probe of another port’s name',
    { [`${C}.readinessProbe`]: { httpGet: { port: 'admin' } } },
    `invalid value: admin: ${C}.readinessProbe.httpGet.port\nProbe port must match container port`,
  ],
  [
    'negative period',
    { [`${C}.readinessProbe`]: { periodSeconds: -1 } },
    `expected 0 <= -1 <= 2147483647: ${C}.readinessProbe.periodSeconds`,
  ],
  [
    'negative success threshold',
    { [`${C}.readinessProbe`]: { successThreshold: -1 } },
    `expected 1 <= -1 <= 2147483647: ${C}.readinessProbe.successThreshold`,
  ],
  [
    'thresholds without a period',
    { [`${C}.readinessProbe`]: { failureThreshold: 2, timeoutSeconds: 2 } },
    `failureThreshold is disallowed when periodSeconds is zero: ${C}.readinessProbe.failureThreshold\ntimeoutSeconds is disallowed when periodSeconds is zero: ${C}.readinessProbe.timeoutSeconds`,
  ],
  [
    'negative timeout with a period',
    { [`${C}.readinessProbe`]: { periodSeconds: 1, timeoutSeconds: -1 } },
    `expected 1 <= -1 <= 2147483647: ${C}.readinessProbe.timeoutSeconds`,
  ],
  // Volumes.
  [
    'volume not mounted',
    { [`${S}.volumes`]: [{ name: 'v', secret: {} }] },
    `volume with name "v" not mounted: ${S}.volumes[0].name`,
  ],
  [
    'mount of nothing',
    { [`${C}.volumeMounts`]: [{ name: 'v', mountPath: '/v' }] },
    `volumeMount has no matching volume: ${C}.volumeMounts[0].name`,
  ],
  [
    'two volumes of a name',
    { ...MOUNTED, [`${S}.volumes[1]`]: { name: 'v', configMap: {} } },
    `duplicate volume name "v": ${S}.volumes[1].name`,
  ],
  [
    'volume name that is no label',
    { [`${S}.volumes`]: [{ name: 'V_', secret: {} }], [`${C}.volumeMounts`]: [{ name: 'V_', mountPath: '/v' }] },
    `invalid value: V_: ${S}.volumes[0].name`,
  ],
  [
    'volume of two sources',
    { ...MOUNTED, [`${S}.volumes[0].configMap`]: {} },
    `expected exactly one, got both: ${S}.volumes[0].configMap, ${S}.volumes[0].secret`,
  ],
  [
    'volume of no source',
    { ...MOUNTED, [`${S}.volumes`]: [{ name: 'v' }] },
    `expected exactly one, got neither: ${S}.volumes[0].configMap, ${S}.volumes[0].emptyDir, ${S}.volumes[0].projected, ${S}.volumes[0].secret`,
  ],
  [
    'host path',
    { ...MOUNTED, [`${S}.volumes`]: [{ name: 'v', hostPath: { path: '/' } }] },
    `HostPath volume support is disabled, but found HostPath volume v: ${S}.volumes[0].hostPath\nmust not set the field(s): ${S}.volumes[0].hostPath`,
  ],
  [
    'claim of a disk, read-write',
    { ...MOUNTED, [`${S}.volumes`]: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
    `Persistent volume claim support is disabled, but found persistent volume claim c: ${S}.volumes[0].persistentVolumeClaim\n` +
      `Persistent volume write support is disabled, but found persistent volume claim c that is not read-only: ${S}.volumes[0].persistentVolumeClaim.readOnly\n` +
      `must not set the field(s): ${S}.volumes[0].persistentVolumeClaim`,
  ],
  [
    'item without path',
    { ...MOUNTED, [`${S}.volumes[0].secret.items`]: [{ key: 'k' }] },
    `missing field(s): ${S}.volumes[0].items[0].path`,
  ],
  [
    'projection of nothing',
    { ...MOUNTED, [`${S}.volumes`]: [{ name: 'v', projected: { sources: [{}] } }] },
    `expected exactly one, got neither: ${S}.volumes[0].projected[0].configMap, ${S}.volumes[0].projected[0].downwardAPI, ${S}.volumes[0].projected[0].secret, ${S}.volumes[0].projected[0].serviceAccountToken`,
  ],
  [
    'token projection without a path',
    { ...MOUNTED, [`${S}.volumes`]: [{ name: 'v', projected: { sources: [{ serviceAccountToken: {} }] } }] },
    `missing field(s): ${S}.volumes[0].projected[0].serviceAccountToken.path`,
  ],
  [
    'emptyDir medium',
    { ...MOUNTED, [`${S}.volumes`]: [{ name: 'v', emptyDir: { medium: 'Disk' } }] },
    `invalid value: Disk: ${S}.volumes[0].emptyDir.medium`,
  ],
  [
    'emptyDir of less than nothing',
    { ...MOUNTED, [`${S}.volumes`]: [{ name: 'v', emptyDir: { sizeLimit: '-1Mi' } }] },
    `invalid value: -1Mi: ${S}.volumes[0].emptyDir.sizeLimit`,
  ],
  ...['/', '/dev', '/dev/log', '/dev/'].map((path): Case => [
    `mount over ${path}`,
    { ...MOUNTED, [`${C}.volumeMounts[0].mountPath`]: path },
    `mountPath "${path.length > 1 ? path.replace(/\/$/, '') : path}" is a reserved path: ${C}.volumeMounts[0].mountPath`,
  ]),
  [
    'relative mount',
    { ...MOUNTED, [`${C}.volumeMounts[0].mountPath`]: 'v' },
    `invalid value: v: ${C}.volumeMounts[0].mountPath`,
  ],
  [
    'mount nowhere',
    { ...MOUNTED, [`${C}.volumeMounts[0].mountPath`]: undefined },
    `missing field(s): ${C}.volumeMounts[0].mountPath`,
  ],
  [
    'two mounts in one place',
    { ...MOUNTED, [`${C}.volumeMounts[1]`]: { name: 'v', mountPath: '/v/' } },
    `invalid value: "/v/" must be unique: ${C}.volumeMounts[1].mountPath`,
  ],
  [
    'mount propagation',
    { ...MOUNTED, [`${C}.volumeMounts[0].mountPropagation`]: 'HostToContainer' },
    `Volume Mount Propagation support is disabled, but found volume mount v with mount propagation: ${C}.volumeMounts[0].mountPropagation\nmust not set the field(s): ${C}.volumeMounts[0].mountPropagation`,
  ],
  // Numbers of the Revision.
  ['timeout too long', { [`${S}.timeoutSeconds`]: 700 }, `expected 0 <= 700 <= 600: ${S}.timeoutSeconds`],
  ['negative timeout', { [`${S}.timeoutSeconds`]: -30 }, `expected 0 <= -30 <= 600: ${S}.timeoutSeconds`],
  [
    'too much concurrency',
    { [`${S}.containerConcurrency`]: 2000 },
    `expected 0 <= 2000 <= 1000: ${S}.containerConcurrency`,
  ],
  [
    'unlimited concurrency where that is not allowed',
    { [`${S}.containerConcurrency`]: 0 },
    `expected 1 <= 0 <= 1000: ${S}.containerConcurrency`,
    { 'config-defaults': { 'allow-container-concurrency-zero': 'false', 'container-concurrency': '1' } },
  ],
  // Autoscaling.
  [
    'unknown class of ours',
    { [A('class')]: 'x.autoscaling.knative.dev' },
    `invalid value: x.autoscaling.knative.dev: ${at('class')}`,
  ],
  ['metric', { [A('metric')]: 'memory' }, `invalid value: memory: ${at('metric')}`],
  ['min-scale not a number', { [A('min-scale')]: 'many' }, `invalid value: many: ${at('min-scale')}`],
  ['min-scale negative', { [A('minScale')]: '-1' }, `expected 0 <= -1 <= 2147483647: ${at('minScale')}`],
  [
    'max below min',
    { [A('min-scale')]: '2', [A('max-scale')]: '1' },
    `max-scale=1 is less than min-scale=2: ${at('max-scale')}, ${at('min-scale')}`,
  ],
  [
    'max above the limit',
    { [A('max-scale')]: '9' },
    `expected 1 <= 9 <= 5: ${at('max-scale')}`,
    { 'config-autoscaler': { 'max-scale-limit': '5', 'max-scale': '2' } },
  ],
  [
    'no max where there is a limit',
    { [A('max-scale')]: '0' },
    `max-scale=0 (unlimited), must be less than 5: ${at('max-scale')}`,
    { 'config-autoscaler': { 'max-scale-limit': '5', 'max-scale': '2' } },
  ],
  [
    'initial-scale 0',
    { [A('initial-scale')]: '0' },
    `invalid value: 0: ${at('initial-scale')}=0 not allowed by cluster`,
  ],
  [
    'initial-scale below 0',
    { [A('initialScale')]: '-1' },
    `invalid value: -1: ${at('initialScale')} must be greater than 0`,
  ],
  [
    'activation-scale 1',
    { [A('activation-scale')]: '1' },
    `activation-scale=1 must be greater than 1: ${at('activation-scale')}`,
  ],
  [
    'activation-scale below min',
    { [A('activation-scale')]: '2', [A('min-scale')]: '3' },
    `min-scale=3 is greater than activation-scale=2: ${at('activation-scale')}`,
  ],
  [
    'activation-scale above max',
    { [A('activation-scale')]: '4', [A('max-scale')]: '3' },
    `max-scale=3 is less than activation-scale=4: ${at('activation-scale')}`,
  ],
  ['target too small', { [A('target')]: '0.001' }, `target 0.001 should be at least 0.01: ${at('target')}`],
  ['target not a number', { [A('target')]: 'x' }, `invalid value: x: ${at('target')}`],
  [
    'utilization above 100',
    { [A('target-utilization-percentage')]: '101' },
    `expected 1 <= 101 <= 100: ${at('target-utilization-percentage')}`,
  ],
  [
    'burst capacity below -1',
    { [A('target-burst-capacity')]: '-2' },
    `invalid value: -2: ${at('target-burst-capacity')}`,
  ],
  ['window too short', { [A('window')]: '5s' }, `expected 6s <= 5s <= 1h0m0s: ${at('window')}`],
  [
    'window of milliseconds',
    { [A('window')]: '6500ms' },
    `must be specified with at most second precision: ${at('window')}`,
  ],
  [
    'panic window',
    { [A('panic-window-percentage')]: '0.5' },
    `expected 1 <= 0.5 <= 100: ${at('panic-window-percentage')}`,
  ],
  [
    'panic threshold',
    { [A('panicThresholdPercentage')]: '100' },
    `expected 110 <= 100 <= 1000: ${at('panicThresholdPercentage')}`,
  ],
  ['scale-down delay', { [A('scale-down-delay')]: '2h' }, `expected 0s <= 2h <= 1h0m0s: ${at('scale-down-delay')}`],
  [
    'retention',
    { [A('scale-to-zero-pod-retention-period')]: '-1s' },
    `expected 0s <= -1s <= 1h0m0s: ${at('scale-to-zero-pod-retention-period')}`,
  ],
  [
    'algorithm',
    { [A('class')]: 'kpa.autoscaling.knative.dev', [A('metric-aggregation-algorithm')]: 'magic' },
    `invalid value: magic: ${at('metric-aggregation-algorithm')}`,
  ],
  // Traffic.
  [
    'traffic of more than all',
    { 'spec.traffic': [{ percent: 60 }, { revisionName: 'hello-00001', percent: 41 }] },
    'Traffic targets sum to 101, want 100: spec.traffic',
  ],
  [
    'percent out of bounds',
    { 'spec.traffic': [{ percent: 101 }, { revisionName: 'hello-00001', percent: -1 }] },
    'expected 0 <= -1 <= 100: spec.traffic[1].percent\nexpected 0 <= 101 <= 100: spec.traffic[0].percent',
  ],
  [
    'configuration named in a Service',
    { 'spec.traffic': [{ configurationName: 'hello', percent: 100 }] },
    'must not set the field(s): spec.traffic[0].configurationName',
  ],
  [
    'latest and named',
    { 'spec.traffic': [{ revisionName: 'hello-00001', latestRevision: true, percent: 100 }] },
    'may not set revisionName "hello-00001" when latestRevision is true: spec.traffic[0].latestRevision',
  ],
  [
    'neither latest nor named',
    { 'spec.traffic': [{ latestRevision: false, percent: 100 }] },
    'may not set revisionName "" when latestRevision is false: spec.traffic[0].latestRevision',
  ],
  [
    'tag that is no label',
    { 'spec.traffic': [{ tag: 'Blue', percent: 100 }] },
    `invalid value: not a DNS 1035 label: [${DNS1035}]: spec.traffic.tag[0]`,
  ],
  [
    'a tag twice',
    {
      'spec.traffic': [
        { tag: 't', percent: 50 },
        { tag: 't', percent: 50 },
      ],
    },
    'Multiple definitions for "t": spec.traffic[0].tag, spec.traffic[1].tag',
  ],
  [
    'url in the spec',
    { 'spec.traffic': [{ tag: 't', url: 'http://x', percent: 100 }] },
    'must not set the field(s): spec.traffic[0].url',
  ],
]);

check('Configuration', CONFIGURATION, [
  [
    'service label without that owner',
    { 'metadata.labels."serving.knative.dev/service"': 'hello' },
    'missing field(s): metadata.labels.serving.knative.dev/service',
  ],
  ['image missing', { [`${C}.image`]: undefined }, `missing field(s): ${C}.image`],
]);

check('Revision', REVISION, [
  [
    'configuration label without that owner',
    { 'metadata.labels."serving.knative.dev/configuration"': 'hello' },
    'missing field(s): metadata.labels.serving.knative.dev/configuration',
  ],
  ['image missing', { 'spec.containers[0].image': '' }, 'missing field(s): spec.containers[0].image'],
  [
    'autoscaling annotation',
    { 'metadata.annotations."autoscaling.knative.dev/min-scale"': 'x' },
    'invalid value: x: metadata.annotations.autoscaling.knative.dev/min-scale',
  ],
]);

check('Route', ROUTE, [
  ['no traffic', { 'spec.traffic': [] }, 'Traffic targets sum to 0, want 100: spec.traffic'],
  [
    'target of nothing',
    { 'spec.traffic': [{ percent: 100 }] },
    'expected exactly one, got neither: spec.traffic[0].configurationName, spec.traffic[0].revisionName',
  ],
  [
    'target of both',
    { 'spec.traffic': [{ percent: 100, revisionName: 'a', configurationName: 'b' }] },
    'expected exactly one, got both: spec.traffic[0].configurationName, spec.traffic[0].revisionName',
  ],
  [
    'service label without that owner',
    { 'metadata.labels."serving.knative.dev/service"': 'x' },
    'missing field(s): metadata.labels.serving.knative.dev/service',
  ],
]);

check('DomainMapping', DOMAIN_MAPPING, [
  ['generateName', { 'metadata.generateName': 'x-' }, 'must not set the field(s): metadata.generateName'],
  [
    'cluster-local name',
    { 'metadata.name': 'hello.default.svc.cluster.local' },
    'invalid name "hello.default.svc.cluster.local": must not be a subdomain of cluster local domain "cluster.local": metadata.name',
  ],
  [
    'no domain',
    { 'metadata.name': 'shop' },
    'invalid name "shop": name: Invalid value: "shop": should be a domain with at least two segments separated by dots: metadata.name',
  ],
  ['reference without kind', { 'spec.ref.kind': undefined }, 'missing field(s): spec.ref.kind'],
  ['reference without name', { 'spec.ref.name': undefined }, 'missing field(s): spec.ref.name'],
  ['reference without version', { 'spec.ref.apiVersion': undefined }, 'missing field(s): spec.ref.apiVersion'],
  ['group', { 'spec.ref.group': 'g' }, 'must not set the field(s): spec.ref.group'],
  [
    'other namespace',
    { 'spec.ref.namespace': 'elsewhere' },
    'mismatched namespaces: spec.ref.namespace\nparent namespace: "default" does not match ref: "elsewhere"',
  ],
]);

const SPLITS = 'spec.rules[0].http.paths[0].splits';
check('Ingress', INGRESS, [
  ['no rules', { 'spec.rules': [] }, 'missing field(s): spec.rules'],
  ['no paths', { 'spec.rules[0].http.paths': [] }, 'missing field(s): spec.rules[0].http.paths'],
  ['no splits', { [SPLITS]: [] }, `missing field(s): ${SPLITS}`],
  [
    'not all of the traffic',
    { [`${SPLITS}[0].percent`]: 90 },
    `traffic split percentage must total to 100, but was 90: ${SPLITS}`,
  ],
  [
    'another namespace',
    { [`${SPLITS}[0].serviceNamespace`]: 'x' },
    `service namespace must match ingress namespace: ${SPLITS}[0].serviceNamespace`,
  ],
  [
    'tls without a secret',
    { 'spec.tls': [{ hosts: ['a'] }] },
    'missing field(s): spec.tls[0].secretName, spec.tls[0].secretNamespace',
  ],
]);
