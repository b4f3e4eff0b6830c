/**
 * The images of one state folder: unpacked folders named by their digest, and names that point to them. Several
 * processes may use a store at once; everything appears by rename. Format: docs/formats/image-store.md.
 */
import { randomBytes } from 'node:crypto';
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  watch,
} from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve as resolvePath } from 'node:path';
import { imageNotFound, NodeError } from './errors.ts';
import { listFolder, PACK_LIMITS, packFolder, type Entry, type PackLimits } from './image/pack.ts';
import { executablePath, parseReference } from './image/reference.ts';
import { startCommand } from './image/start-command.ts';

export interface Image {
  readonly reference: string;
  /** `sha256:…`; undefined for an executable of the host. */
  readonly digest: string | undefined;
  /** The unpacked files, also the working directory; undefined for an executable of the host. */
  readonly folder: string | undefined;
  /** Program and arguments. */
  readonly argv: readonly string[];
}

export interface BuiltImage {
  /** `NAME:TAG` */
  readonly reference: string;
  readonly digest: string;
}

interface ImageConfig {
  readonly argv: readonly string[];
}

/** Long enough for the rest of a build's renames, in ms. */
const SETTLE_MS = 20;
const DIGEST = /^sha256:([0-9a-f]{64})$/;

export class ImageStore {
  readonly #folder: string;
  /** Contents never change under a digest. */
  readonly #configs = new Map<string, ImageConfig>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param dir the state folder; the store is its `images` */
  static async open(dir: string): Promise<ImageStore> {
    const folder = resolvePath(dir, 'images');
    for (const name of ['sha256', 'names', 'staging']) await mkdir(join(folder, name), { recursive: true });
    return new ImageStore(folder);
  }

  /**
   * Makes a folder into an image.
   * @param name NAME or NAME:TAG
   * @throws NodeError saying what to change in the folder
   */
  async build(folder: string, name: string, limits: PackLimits = PACK_LIMITS): Promise<BuiltImage> {
    const { name: repository, tag, digest: given } = parseReference(name);
    if (given !== undefined)
      throw new NodeError('InvalidReference', `an image is built under a tag, not a digest: ${name}`);
    const from = resolvePath(folder);
    const found = await stat(from).catch(() => undefined);
    if (found?.isDirectory() !== true) throw new NodeError('NotAFolder', `${folder} is not a folder`);
    const entries = await listFolder(from, limits);
    const config: ImageConfig = { argv: startCommand(folder, viewOf(from, entries)) };
    const staging = join(this.#folder, 'staging', randomBytes(8).toString('hex'));
    try {
      await mkdir(join(staging, 'files'), { recursive: true });
      const digest = await packFolder(from, entries, join(staging, 'files'));
      await writeFile(join(staging, 'image.json'), JSON.stringify(config) + '\n');
      await this.#publish(staging, digest);
      await this.#point(repository, tag, digest);
      return { reference: `${repository}:${tag}`, digest };
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  }

  /** The image, or undefined when there is none. An executable of the host is named `/path` or `file:///path`. */
  resolve(reference: string): Image | undefined {
    const program = executablePath(reference);
    if (program !== undefined)
      return isExecutable(program) ? { reference, digest: undefined, folder: undefined, argv: [program] } : undefined;
    const digest = this.#find(reference);
    const config = digest === undefined ? undefined : this.#config(digest);
    if (digest === undefined || config === undefined) return undefined;
    return { reference, digest, folder: join(this.#path(digest), 'files'), argv: config.argv };
  }

  /**
   * `NAME@sha256:…`, which goes on meaning the same image; '' for an executable of the host, which has no digest.
   * @throws NodeError ImageNotFound with the command that would provide it
   */
  digestOf(reference: string): string {
    const image = this.resolve(reference);
    if (image === undefined) throw imageNotFound(reference, suggestedName(reference));
    return image.digest === undefined ? '' : `${parseReference(reference).name}@${image.digest}`;
  }

  /** All names, sorted. */
  list(): BuiltImage[] {
    const names = join(this.#folder, 'names');
    return readdirSync(names, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.startsWith(':'))
      .map((entry) => {
        const file = join(entry.parentPath ?? entry.path, entry.name);
        const name = dirname(file)
          .slice(names.length + 1)
          .replaceAll('%3A', ':');
        return { reference: name + basename(file), digest: readText(file) ?? '' };
      })
      .sort((a, b) => (a.reference < b.reference ? -1 : 1));
  }

  /**
   * Calls the listener after names were pointed at images, by whichever process; a burst of builds is one call.
   * @param failed told why when this machine cannot watch the store (any more)
   * @returns ends it
   */
  onBuilt(listener: () => void, failed: (error: unknown) => void): () => void {
    let timer: NodeJS.Timeout | undefined;
    // A name appears by a rename out of this folder, which is flat: one watch is enough.
    try {
      const watcher = watch(join(this.#folder, 'staging'), { persistent: false }, () => {
        timer ??= setTimeout(() => {
          timer = undefined;
          listener();
        }, SETTLE_MS).unref();
      });
      watcher.on('error', failed);
      return () => {
        clearTimeout(timer);
        watcher.close();
      };
    } catch (error) {
      failed(error);
      return () => undefined;
    }
  }

  #find(text: string): string | undefined {
    let reference;
    try {
      reference = parseReference(text);
    } catch {
      return undefined;
    }
    return reference.digest ?? readText(this.#nameFile(reference.name, reference.tag));
  }

  #config(digest: string): ImageConfig | undefined {
    const known = this.#configs.get(digest);
    if (known !== undefined) return known;
    const text = DIGEST.test(digest) ? readText(join(this.#path(digest), 'image.json')) : undefined;
    if (text === undefined) return undefined;
    const config = parseConfig(text, digest);
    this.#configs.set(digest, config);
    return config;
  }

  async #publish(staging: string, digest: string): Promise<void> {
    try {
      await rename(staging, this.#path(digest));
    } catch (error) {
      // Somebody has built the same content before.
      if (!existsSync(join(this.#path(digest), 'image.json'))) throw error;
    }
  }

  async #point(name: string, tag: string, digest: string): Promise<void> {
    const file = this.#nameFile(name, tag);
    const next = join(this.#folder, 'staging', randomBytes(8).toString('hex'));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(next, digest + '\n');
    await rename(next, file);
  }

  #nameFile(name: string, tag: string): string {
    // A component of a name never begins with a colon, so a name's folder and its tags do not meet.
    return join(this.#folder, 'names', ...name.replaceAll(':', '%3A').split('/'), `:${tag}`);
  }

  #path(digest: string): string {
    return join(this.#folder, 'sha256', DIGEST.exec(digest)?.[1] ?? '');
  }
}

function viewOf(folder: string, entries: readonly Entry[]) {
  const paths = new Set(entries.map((entry) => entry.path));
  return {
    read: (name: string) => (paths.has(name) ? readFileSync(join(folder, name), 'utf8') : undefined),
    has: (path: string) => paths.has(path),
    executables: entries
      .filter((entry) => entry.type === 'file' && entry.executable && !entry.path.includes('/'))
      .filter((entry) => isProgram(join(folder, entry.path)))
      .map((entry) => entry.path),
  };
}

/** Starts like a binary of Linux or names its interpreter. */
function isProgram(path: string): boolean {
  const head = Buffer.alloc(4);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, head, 0, head.length, 0);
  } finally {
    closeSync(fd);
  }
  return head.toString('latin1') === '\x7fELF' || head.toString('latin1', 0, 2) === '#!';
}

function parseConfig(text: string, digest: string): ImageConfig {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed === 'object' && parsed !== null && 'argv' in parsed && Array.isArray(parsed.argv)) {
    const argv = parsed.argv.filter((word): word is string => typeof word === 'string');
    if (argv.length > 0 && argv.length === parsed.argv.length) return { argv };
  }
  throw new NodeError('ImageNotFound', `image ${digest} is damaged: build it again`);
}

function suggestedName(reference: string): string {
  try {
    const { name, tag } = parseReference(reference);
    return tag === 'latest' ? name : `${name}:${tag}`;
  } catch {
    return 'NAME';
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw error;
  }
}
