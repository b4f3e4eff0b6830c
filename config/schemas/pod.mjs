// The pod that a Revision runs: the fields of a Kubernetes pod that Knative lets through. What a feature flag opens is
// left open here and checked at admission. Lists of containers and ports stay atomic: their keys (name, containerPort)
// may be left out, and Kubernetes merges by key only where the key is always there.
import {
  ATOMIC,
  boolean,
  int32,
  int64,
  intOrString,
  list,
  listByKey,
  map,
  object,
  open,
  quantity,
  string,
  strings,
} from './types.mjs';

const flag = (name) => `Behind the feature flag kubernetes.${name}.`;
const referent = (what) => string(`The name of the ${what}.`, { default: '' });
const optional = boolean('Whether it may be missing.');

const keyOf = (what) =>
  object(
    `A key of a ${what}.`,
    { 'key!': string('The key to take the value from.'), name: referent(what), optional },
    ATOMIC,
  );

const allKeysOf = (what) => object(`All keys of a ${what}.`, { name: referent(what), optional }, ATOMIC);

const env = listByKey(
  'Environment variables. A later one can use an earlier one as $(NAME).',
  ['name'],
  object('One variable.', {
    'name!': string('The name of the variable.'),
    value: string('The value; $(NAME) is replaced, $$(NAME) stands for itself.'),
    valueFrom: object('Where the value comes from, when it is not given here.', {
      configMapKeyRef: keyOf('ConfigMap'),
      fieldRef: open(`A field of the pod. ${flag('podspec-fieldref')}`, ATOMIC),
      resourceFieldRef: open(`A resource limit or request. ${flag('podspec-fieldref')}`, ATOMIC),
      secretKeyRef: keyOf('Secret'),
    }),
  }),
);

const envFrom = list(
  'Sources whose every key becomes an environment variable; `env` wins over them.',
  object('One source.', {
    configMapRef: allKeysOf('ConfigMap'),
    prefix: string('Put before each name.'),
    secretRef: allKeysOf('Secret'),
  }),
);

const probe = (description) =>
  object(description, {
    exec: object('Runs a command in the container; status 0 is healthy.', {
      command: strings('The command and its arguments, run without a shell.'),
    }),
    failureThreshold: int32('Failures in a row after which the probe has failed.'),
    grpc: object('Asks the gRPC health service.', {
      port: int32('The port; that of the container when left out.'),
      service: string('The name of the service to ask for.', { default: '' }),
    }),
    httpGet: object('Sends an HTTP GET; 200 to 399 is healthy.', {
      host: string('The host to connect to; the pod itself when empty.'),
      httpHeaders: list(
        'Headers of the request.',
        object('One header.', { 'name!': string('The name.'), 'value!': string('The value.') }),
      ),
      path: string('The path to ask for.'),
      port: intOrString('The port; that of the container when left out.'),
      scheme: string('HTTP or HTTPS.'),
    }),
    initialDelaySeconds: int32('Seconds between the start of the container and the first probe.'),
    periodSeconds: int32(
      'Seconds from one probe to the next. 0 on a readiness probe: as often as possible, until it succeeds.',
    ),
    successThreshold: int32('Successes in a row after which the probe has succeeded.'),
    tcpSocket: object('Opens a TCP connection.', {
      host: string('The host to connect to; the pod itself when empty.'),
      port: intOrString('The port; that of the container when left out.'),
    }),
    timeoutSeconds: int32('Seconds until a probe without an answer has failed.'),
  });

const resources = object('How much of the machine the container needs and may take.', {
  limits: map('The most it may take.', quantity('An amount, such as 500m or 128Mi.')),
  requests: map('What it needs at least.', quantity('An amount, such as 500m or 128Mi.')),
});

const securityContext = object('What the container may do on its machine.', {
  allowPrivilegeEscalation: boolean('Whether a process may gain more rights than its parent has.'),
  capabilities: object('Linux capabilities beside the default ones.', {
    add: strings(`Capabilities to add. ${flag('containerspec-addcapabilities')}`),
    drop: strings('Capabilities to take away.'),
  }),
  privileged: boolean('Must be false when set.'),
  readOnlyRootFilesystem: boolean('Whether the root file system is read-only.'),
  runAsGroup: int64('The group id of the process.'),
  runAsNonRoot: boolean('Refuses to start as root.'),
  runAsUser: int64('The user id of the process.'),
  seccompProfile: object('The filter of system calls.', {
    localhostProfile: string('The file of the profile on the node, for the type Localhost.'),
    'type!': string('RuntimeDefault, Unconfined or Localhost.'),
  }),
});

const container = object('One container.', {
  args: strings('Arguments; those of the image when left out.'),
  command: strings('The program, run without a shell; that of the image when left out.'),
  env,
  envFrom,
  image: string('The image to run.'),
  imagePullPolicy: string('When to pull the image: Always, IfNotPresent or Never.'),
  livenessProbe: probe('The container is restarted when this fails.'),
  name: string('The name of the container; given by the system when left out.'),
  ports: list(
    'The port that takes the requests, at most one.',
    object('One port.', {
      containerPort: int32('The number; 8080 when left out. The process finds it in $PORT.'),
      name: string('The protocol: http1 (default) or h2c.'),
      protocol: string('TCP.', { default: 'TCP' }),
    }),
  ),
  readinessProbe: probe('The container gets requests while this succeeds.'),
  resources,
  securityContext,
  startupProbe: probe('The other probes wait until this has succeeded once.'),
  terminationMessagePath: string('The file that the reason of an exit is read from.'),
  terminationMessagePolicy: string('File or FallbackToLogsOnError.'),
  volumeMounts: listByKey(
    'Where the volumes appear in the file system.',
    ['mountPath'],
    object('One mount.', {
      'mountPath!': string('The absolute path.'),
      mountPropagation: string(`How mounts inside it are passed on. ${flag('podspec-volumes-mount-propagation')}`),
      'name!': string('The name of the volume.'),
      readOnly: boolean('Whether it is read-only.'),
      subPath: string('A path inside the volume to mount instead of its root.'),
    }),
  ),
  workingDir: string('The working directory; that of the image when left out.'),
});

const items = list(
  'The keys to show as files; all of them when left out.',
  object('One file.', {
    'key!': string('The key.'),
    mode: int32('Permission bits of the file.'),
    'path!': string('The relative path of the file.'),
  }),
);
const defaultMode = int32('Permission bits of files that have none of their own.');

const fieldRef = object(
  'A field of the pod.',
  { apiVersion: string('The API version that the path is written for.'), 'fieldPath!': string('The path.') },
  ATOMIC,
);
const resourceFieldRef = object(
  'A resource limit or request of a container.',
  {
    containerName: string('The container.'),
    divisor: quantity('The unit to print in.'),
    'resource!': string('The resource, such as limits.cpu.'),
  },
  ATOMIC,
);

const projected = object('Several sources in one directory.', {
  defaultMode,
  sources: list(
    'The sources.',
    object('One source.', {
      configMap: object('Keys of a ConfigMap.', { items, name: referent('ConfigMap'), optional }, ATOMIC),
      downwardAPI: object('Facts about the pod.', {
        items: list(
          'The files.',
          object('One file.', {
            fieldRef,
            mode: int32('Permission bits of the file.'),
            'path!': string('The relative path of the file.'),
            resourceFieldRef,
          }),
        ),
      }),
      secret: object('Keys of a Secret.', { items, name: referent('Secret'), optional }, ATOMIC),
      serviceAccountToken: object('A token of the service account of the pod.', {
        audience: string('Whom the token is meant for.'),
        expirationSeconds: int64('How long it is valid.'),
        'path!': string('The relative path of the file.'),
      }),
    }),
  ),
});

const volumes = listByKey(
  'Volumes that containers can mount.',
  ['name'],
  object('One volume.', {
    configMap: object(
      'A ConfigMap, a file for each key.',
      { defaultMode, items, name: referent('ConfigMap'), optional },
      ATOMIC,
    ),
    csi: open(`A volume of a CSI driver. ${flag('podspec-volumes-csi')}`),
    emptyDir: open(`An empty directory that lives as long as the pod. ${flag('podspec-volumes-emptydir')}`),
    ephemeral: open(`A claim that lives as long as the pod. ${flag('podspec-volumes-ephemeral')}`),
    hostPath: open(`A path of the node. ${flag('podspec-volumes-hostpath')}`),
    image: open(`The files of an image. ${flag('podspec-volumes-image')}`),
    'name!': string('The name of the volume.'),
    persistentVolumeClaim: open(`A claim. ${flag('podspec-persistent-volume-claim')}`),
    projected,
    secret: object('A Secret, a file for each key.', {
      defaultMode,
      items,
      optional,
      secretName: string('The name of the Secret.'),
    }),
  }),
);

const gated = (name) => open(flag(`podspec-${name}`));
const gatedList = (name) => list(flag(`podspec-${name}`), open('One of them.'));

/** The spec of a Revision: Knative's own fields and the pod's. */
export const revisionSpec = (description) =>
  object(description, {
    affinity: gated('affinity'),
    automountServiceAccountToken: boolean(
      'Whether the token of the service account is mounted. Only false may be set.',
    ),
    containerConcurrency: int64('How many requests a pod takes at a time; 0 for no limit.'),
    'containers!': list('The containers. The one with the port gets the requests.', container),
    dnsConfig: gated('dnsconfig'),
    dnsPolicy: string(flag('podspec-dnspolicy')),
    enableServiceLinks: boolean('Whether each Service of the namespace shows up in the environment.'),
    hostAliases: gatedList('hostaliases'),
    hostIPC: boolean(flag('podspec-hostipc')),
    hostNetwork: boolean(flag('podspec-hostnetwork')),
    hostPID: boolean(flag('podspec-hostpid')),
    idleTimeoutSeconds: int64('How long a request may go without a byte of the answer.'),
    imagePullSecrets: listByKey(
      'Secrets for pulling the images.',
      ['name'],
      object('One Secret.', { name: referent('Secret') }, ATOMIC),
    ),
    initContainers: list(
      `Containers that run to their end before the others start. ${flag('podspec-init-containers')}`,
      open('One container.'),
    ),
    nodeSelector: map(flag('podspec-nodeselector'), undefined, ATOMIC),
    priorityClassName: string(flag('podspec-priorityclassname')),
    responseStartTimeoutSeconds: int64('How long a request may wait for the first byte of the answer.'),
    runtimeClassName: string(`How the pod is run. ${flag('podspec-runtimeclassname')}`),
    schedulerName: string(flag('podspec-schedulername')),
    securityContext: gated('securitycontext'),
    serviceAccountName: string('The service account that the pod runs as.'),
    shareProcessNamespace: boolean(flag('podspec-shareprocessnamespace')),
    timeoutSeconds: int64('How long a request may take altogether.'),
    tolerations: gatedList('tolerations'),
    topologySpreadConstraints: gatedList('topologyspreadconstraints'),
    volumes,
  });

/** The template that a Configuration makes its Revisions from. */
export const revisionTemplate = object('What the next Revision will be.', {
  metadata: object(
    'Metadata of the Revision: labels, annotations (those of autoscaling belong here), and a name of your own.',
    {
      annotations: map('Annotations of the Revision.'),
      finalizers: strings('Finalizers of the Revision.'),
      labels: map('Labels of the Revision.'),
      name: string('The name of the Revision, starting with that of the Service and a dash.'),
      namespace: string('The namespace; that of the parent.'),
    },
    { 'x-kubernetes-preserve-unknown-fields': true },
  ),
  spec: revisionSpec('The containers and how requests reach them.'),
});
