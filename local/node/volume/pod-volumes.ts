/** The volumes of one pod: made before its first container, kept in step with what they are made from. */
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { ConfigMap, Container, Pod, Secret } from '../../../api/core.ts';
import type { Clock } from '../../../kube/clock.ts';
import type { Logger } from '../../../kube/log.ts';
import { NodeError } from '../errors.ts';
import type { PodFacts } from '../pod/downward.ts';
import type { Mount } from '../runtime/runtime.ts';
import { versionOf, writeAtomically } from './atomic-folder.ts';
import { volumeFiles, type Volume } from './contents.ts';
import type { TokenSource } from './tokens.ts';

export interface VolumeSources {
  readonly configMap: (namespace: string, name: string) => ConfigMap | undefined;
  readonly secret: (namespace: string, name: string) => Secret | undefined;
  /** Without the address, which is the pod's. */
  readonly facts: Omit<PodFacts, 'podIP'>;
  readonly tokens: TokenSource;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Changes come in flocks. */
const SETTLE = 20;

export class PodVolumes {
  readonly #folder: string;
  readonly #pod: () => Pod;
  readonly #podIP: () => string;
  readonly #sources: VolumeSources;
  readonly #hostPaths = new Map<string, string>();
  #prepared = false;
  #cancelRefresh: (() => void) | undefined;
  #cancelRenewal: (() => void) | undefined;

  constructor(podFolder: string, pod: () => Pod, podIP: () => string, sources: VolumeSources) {
    this.#podIP = podIP;
    this.#folder = join(podFolder, 'volumes');
    this.#pod = pod;
    this.#sources = sources;
  }

  /** @throws NodeError FailedMount for what is missing or not supported */
  async prepare(): Promise<void> {
    for (const volume of this.#volumes()) await this.#make(volume);
    this.#prepared = true;
  }

  /** The mounts of a container, outer ones first. @throws NodeError FailedMount */
  mountsOf(container: Container): Mount[] {
    return (container.volumeMounts ?? []).map(({ name, mountPath, readOnly, subPath }) => {
      const volume = this.#volumes().find((one) => one.name === name);
      if (volume === undefined) throw new NodeError('FailedMount', `no volume "${name}" for ${mountPath}`);
      const root = this.#hostPaths.get(name) ?? join(this.#folder, name);
      const source = subPath === undefined || subPath === '' ? root : inside(root, subPath);
      // A path inside an emptyDir comes into being with its first user.
      if (volume.emptyDir !== undefined) mkdirSync(source, { recursive: true });
      return { source, target: mountPath, readOnly: readOnly ?? isMadeOfFiles(volume) };
    });
  }

  /** Renews what has changed, soon. */
  refresh(): void {
    if (!this.#prepared || !this.#volumes().some(isMadeOfFiles)) return;
    this.#cancelRefresh ??= this.#sources.clock.after(SETTLE, () => {
      this.#cancelRefresh = undefined;
      void this.#refreshNow().catch((error: unknown) =>
        this.#sources.log.warn('volumes were not renewed', { pod: this.#pod().metadata.name, error }),
      );
    });
  }

  stop(): void {
    this.#cancelRefresh?.();
    this.#cancelRenewal?.();
    this.#prepared = false;
  }

  async #refreshNow(): Promise<void> {
    for (const volume of this.#volumes()) if (isMadeOfFiles(volume)) await this.#make(volume);
  }

  #volumes(): readonly Volume[] {
    return this.#pod().spec?.volumes ?? [];
  }

  async #make(volume: Volume): Promise<void> {
    const folder = join(this.#folder, volume.name);
    if (volume.emptyDir !== undefined) {
      mkdirSync(folder, { recursive: true });
      // For all containers of the pod, whoever they run as.
      chmodSync(folder, 0o777);
    } else if (volume.hostPath !== undefined)
      this.#hostPaths.set(volume.name, prepareHostPath(volume.hostPath.path, volume.hostPath.type));
    else {
      const files = await volumeFiles(this.#pod(), volume, this.#contentSources());
      if (files === undefined)
        throw new NodeError('FailedMount', `volume "${volume.name}" is of a kind that this node does not have`);
      writeAtomically(folder, files, versionOf(files));
    }
  }

  #contentSources() {
    const pod = this.#pod();
    const namespace = pod.metadata.namespace ?? '';
    return {
      configMap: (name: string) => this.#sources.configMap(namespace, name),
      secret: (name: string) => this.#sources.secret(namespace, name),
      facts: { ...this.#sources.facts, podIP: this.#podIP() },
      token: async ({ audience, expirationSeconds }: { audience?: string; expirationSeconds?: number }) => {
        const { token, renewIn } = await this.#sources.tokens.get(pod, audience, expirationSeconds);
        this.#cancelRenewal?.();
        this.#cancelRenewal = this.#sources.clock.after(renewIn, () => this.refresh());
        return token;
      },
    };
  }
}

function isMadeOfFiles(volume: Volume): boolean {
  return [volume.configMap, volume.secret, volume.downwardAPI, volume.projected].some((one) => one !== undefined);
}

function inside(root: string, path: string): string {
  const whole = normalize(join(root, path));
  if (path.startsWith('/') || path.split('/').includes('..') || !whole.startsWith(root))
    throw new NodeError('FailedMount', `invalid subPath: ${JSON.stringify(path)}`);
  return whole;
}

/** Source: Kubernetes "hostPath volume types". */
function prepareHostPath(path: string, type: string | undefined): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  const fail = (what: string): never => {
    throw new NodeError('FailedMount', `hostPath type check failed: ${path} is not ${what}`);
  };
  switch (type ?? '') {
    case 'DirectoryOrCreate':
      if (stat === undefined) mkdirSync(path, { recursive: true, mode: 0o755 });
      else if (!stat.isDirectory()) fail('a directory');
      break;
    case 'FileOrCreate':
      if (stat === undefined) {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, '', { flag: 'a', mode: 0o644 });
      } else if (!stat.isFile()) fail('a file');
      break;
    case 'Directory':
      if (stat?.isDirectory() !== true) fail('a directory');
      break;
    case 'File':
      if (stat?.isFile() !== true) fail('a file');
      break;
    case 'Socket':
      if (stat?.isSocket() !== true) fail('a socket file');
      break;
    default:
      if (stat === undefined) fail('there');
  }
  return path;
}
