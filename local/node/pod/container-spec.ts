/** What a runtime is to start for a container of a pod. */
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Container } from '../../../api/core.ts';
import { imageNotFound, NodeError } from '../errors.ts';
import type { Image } from '../image-store.ts';
import type { ContainerSpec, Identity, OwnNetwork } from '../runtime/runtime.ts';
import type { PodContext } from './context.ts';
import { buildEnvironment, expand } from './environment.ts';
import { acceptsPort, mainPort } from './port-map.ts';
import { parseQuantity } from '../../../kube/quantity.ts';

/** Where a container that works elsewhere than in its image finds the image's files, whoever it runs as. */
const IMAGE_PLACE = '/run/zeroth/image';

/** @throws NodeError ImageNotFound */
export function imageOf(container: Container, context: PodContext): Image {
  const reference = container.image ?? '';
  const image = context.machine.images.resolve(reference);
  if (image !== undefined) return image;
  // The store knows how to say what would provide it.
  context.machine.images.digestOf(reference);
  throw imageNotFound(reference, reference);
}

/**
 * @param run numbers the container's starts
 * @param ownNetwork the program has its declared port to itself, in a network of its own
 * @throws NodeError CreateContainerConfigError, NoFreePort
 */
export async function containerSpec(
  container: Container,
  image: Image,
  context: PodContext,
  run: number,
  ownNetwork: boolean,
): Promise<ContainerSpec> {
  const { machine } = context;
  const scratch = join(context.folder, container.name, String(run));
  const temporary = join(scratch, 'tmp');
  mkdirSync(temporary, { recursive: true });
  // Whoever the container runs as.
  chmodSync(temporary, 0o1777);
  const pod = context.pod();
  const declared = buildEnvironment(pod, container, context.environment());
  const env: Record<string, string> = {
    PATH: machine.path,
    HOME: machine.home,
    TMPDIR: temporary,
    HOSTNAME: context.hostname,
    ...(machine.runtime.ownMounts ? {} : { ZEROTH_VOLUMES: join(context.folder, 'volumes') }),
    ...declared,
  };
  const port = mainPort(container);
  if (port !== undefined && acceptsPort(container, port)) {
    const real = await realPort(port, ownNetwork, context);
    env.PORT = String(ownNetwork ? port : real);
  }
  const workingDir = container.workingDir === '' ? undefined : container.workingDir;
  // The store may lie below a folder that is for its owner only.
  const place = workingDir === undefined ? undefined : machine.runtime.ownFolders ? IMAGE_PLACE : image.folder;
  const mounts = context.mounts(container);
  return {
    podUid: context.uid,
    name: container.name,
    argv: argvOf(container, image, env, place),
    env,
    imageFolder: image.folder,
    workingDir,
    mounts:
      image.folder === undefined || place !== IMAGE_PLACE
        ? mounts
        : [...mounts, { source: image.folder, target: IMAGE_PLACE, readOnly: true }],
    scratch,
    hosts: context.hosts(),
    hostname: context.hostname,
    network: port !== undefined && ownNetwork ? await networkOf(port, context) : undefined,
    identity: identityOf(container, context),
    memoryLimit: memoryOf(container),
    account: context.account(),
    terminationLog: container.terminationMessagePath ?? '/dev/termination-log',
  };
}

/** The port of the host that leads to a declared one; in the host's own network a stubborn program's is the declared one. */
async function realPort(declared: number, ownNetwork: boolean, { portMap, machine }: PodContext): Promise<number> {
  const before = portMap.get(declared);
  if (before !== undefined && !(ownNetwork && before === declared)) return before;
  const real = await machine.ports.take();
  portMap.set(declared, real);
  return real;
}

async function networkOf(declared: number, context: PodContext): Promise<OwnNetwork> {
  const port = await realPort(declared, true, context);
  return {
    listen: [{ host: context.address(), port, to: declared }],
    outward: context.outwardPorts().filter((one) => one !== declared),
  };
}

/**
 * `command` stands for the image's start command, `args` for what follows it.
 * @param place where the image's files are, when that is not the folder that it starts in
 */
function argvOf(
  container: Container,
  image: Image,
  env: Readonly<Record<string, string>>,
  place: string | undefined,
): string[] {
  const words = (list: readonly string[] | undefined): string[] => (list ?? []).map((word) => expand(word, env));
  const command = words(container.command);
  const own = place === undefined ? image.argv : image.argv.map((word) => inImage(word, image, place));
  const argv = [...(command.length > 0 ? command : own), ...words(container.args)];
  if (argv[0] === undefined || argv[0] === '')
    throw new NodeError('CreateContainerConfigError', `container "${container.name}" has no command`);
  return argv;
}

/** A start command names its files as seen from the image's folder. */
function inImage(word: string, { folder }: Image, place: string): string {
  if (folder === undefined || word.startsWith('/') || word.startsWith('-')) return word;
  return statSync(join(folder, word), { throwIfNoEntry: false })?.isFile() === true ? join(place, word) : word;
}

function identityOf(container: Container, context: PodContext): Identity | undefined {
  const pod = context.pod().spec?.securityContext;
  const own = container.securityContext;
  const uid = own?.runAsUser ?? pod?.runAsUser;
  const gid = own?.runAsGroup ?? pod?.runAsGroup;
  if ((own?.runAsNonRoot ?? pod?.runAsNonRoot) === true && (uid ?? process.getuid?.()) === 0)
    throw new NodeError(
      'CreateContainerConfigError',
      `container has runAsNonRoot and would run as root (container: ${container.name}); set runAsUser`,
    );
  if (uid === undefined && gid === undefined) return undefined;
  const groups = [...(pod?.supplementalGroups ?? []), ...(pod?.fsGroup === undefined ? [] : [pod.fsGroup])];
  return { uid: uid ?? process.getuid?.() ?? 0, gid: gid ?? 0, groups };
}

function memoryOf(container: Container): number | undefined {
  const text = container.resources?.limits?.memory;
  return text === undefined ? undefined : parseQuantity(text);
}
