/**
 * What to mount in a container's namespace, as lines of fstab(5) for one run of mount(8). Paths that do not exist on
 * the host are not made there: a folder gets an overlay that holds them, the root a mirror of its entries.
 */
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Mount } from '../runtime.ts';

export interface MountPlan {
  readonly table: string;
  /** The folder to make the root before the program starts. */
  readonly root?: string;
  /** To be made inside before anything is mounted. */
  readonly mountPoints: readonly MountPoint[];
}

export interface MountPoint {
  readonly path: string;
  readonly isFolder: boolean;
}

export interface MountRequest {
  readonly mounts: readonly Mount[];
  readonly imageFolder: string | undefined;
  /** Mount the image through a layer that takes its writes. */
  readonly overlay: boolean;
  readonly scratch: string;
  /** Folders of the root that the container has to itself already; see private-folders.ts. */
  readonly ownFolders: ReadonlySet<string>;
}

/** Prepares folders under `scratch` and returns the lines; undefined when there is nothing to mount. */
export function planMounts(request: MountRequest): MountPlan | undefined {
  const { scratch, imageFolder } = request;
  const lines: string[] = [];
  const layered = request.overlay && imageFolder !== undefined && fitsOverlay(imageFolder) && fitsOverlay(scratch);
  const mounts = [...request.mounts]
    .map((mount) => ({ ...mount, target: resolveLinks(normalize(mount.target).replace(/(.)\/$/, '$1')) }))
    .sort((a, b) => a.target.length - b.target.length);
  const isInside = (target: string): boolean =>
    request.ownFolders.has(exists(target) ? dirname(target) : nearestFolder(target)) &&
    !mounts.some((outer) => target.startsWith(`${outer.target}/`));
  const mountPoints = mounts
    .filter(({ target }) => isInside(target))
    .map(({ target: path, source }) => ({ path, isFolder: isFolder(source) }));
  const missing = mounts.filter(({ target }) => !exists(target) && !isInside(target)).map((mount) => mount.target);
  const atTop = missing.filter((target) => nearestFolder(target) === '/');
  const root = atTop.length > 0 ? join(scratch, 'root') : undefined;
  const inRoot = (path: string): string => (root === undefined ? path : root + path);
  if (root !== undefined) lines.push(...mirrorRoot(root));
  if (layered) lines.push(overlayLine(imageFolder, inRoot(imageFolder), join(scratch, 'image')));
  const layers = new Map<string, string[]>();
  for (const target of missing) {
    const folder = nearestFolder(target);
    // What lies in an earlier mount is made in that volume.
    const outer = mounts.find((mount) => mount.target !== target && target.startsWith(`${mount.target}/`));
    if (outer !== undefined) makeMountPoint(join(outer.source, target.slice(outer.target.length)), target, mounts);
    else if (folder === '/') makeMountPoint(inRoot(target), target, mounts);
    else layers.set(folder, [...(layers.get(folder) ?? []), target]);
  }
  let number = 0;
  for (const [folder, targets] of layers) {
    const layer = join(scratch, `layer-${number++}`);
    for (const target of targets) makeMountPoint(join(layer, 'upper', target.slice(folder.length)), target, mounts);
    lines.push(overlayLine(folder, inRoot(folder), layer));
    for (const inner of mountsBelow(folder)) lines.push(bindLine(inner, inRoot(inner), 'rbind'));
  }
  for (const { source, target, readOnly } of mounts)
    lines.push(bindLine(source, inRoot(target), readOnly ? 'bind,ro' : 'rbind'));
  if (lines.length === 0) return undefined;
  return { table: lines.join('\n') + '\n', root, mountPoints };
}

function mirrorRoot(root: string): string[] {
  mkdirSync(root, { recursive: true });
  const lines = [bindLine(root, root, 'bind')];
  for (const name of readdirSync('/')) {
    const stat = lstatSync(`/${name}`, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink() === true) symlinkSync(readlinkSync(`/${name}`), join(root, name));
    else if (stat?.isDirectory() === true) {
      mkdirSync(join(root, name));
      lines.push(bindLine(`/${name}`, join(root, name), 'rbind'));
    }
  }
  return lines;
}

function overlayLine(lower: string, target: string, layer: string): string {
  const upper = join(layer, 'upper');
  const work = join(layer, 'work');
  mkdirSync(upper, { recursive: true });
  mkdirSync(work, { recursive: true });
  return `overlay ${escape(target)} overlay ${escape(`lowerdir=${lower},upperdir=${upper},workdir=${work}`)} 0 0`;
}

export function bindLine(source: string, target: string, options: string): string {
  return `${escape(source)} ${escape(target)} none ${options} 0 0`;
}

function makeMountPoint(path: string, target: string, mounts: readonly Mount[]): void {
  const source = mounts.find((mount) => mount.target === target)?.source;
  const folder = source === undefined || isFolder(source);
  mkdirSync(folder ? path : dirname(path), { recursive: true });
  if (!folder) writeFileSync(path, '', { flag: 'a' });
}

function isFolder(source: string): boolean {
  return statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

function nearestFolder(path: string): string {
  let folder = dirname(path);
  while (folder !== '/' && statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    folder = dirname(folder);
  return folder;
}

/** Mounting follows links, and a link to an absolute path would lead out of a new root. */
function resolveLinks(path: string): string {
  if (exists(path)) return realpathSync(path);
  const folder = nearestFolder(path);
  return join(realpathSync(folder), path.slice(folder === '/' ? 0 : folder.length));
}

/** Mount points below a folder of the host, which an overlay on it would hide. */
function mountsBelow(folder: string): string[] {
  const points = readMountPoints().filter((point) => point.startsWith(`${folder}/`));
  return points.filter((point) => !points.some((other) => point.startsWith(`${other}/`)));
}

function readMountPoints(): string[] {
  const text = readFileSync('/proc/self/mountinfo', 'utf8');
  return text.split('\n').flatMap((line) => line.split(' ')[4]?.replace(/\\(\d{3})/g, octal) ?? []);
}

function octal(_: string, digits: string): string {
  return String.fromCharCode(parseInt(digits, 8));
}

/** fstab(5) separates by white space and knows octal escapes. */
function escape(text: string): string {
  return text.replace(/[\s\\#]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

/** Overlay options have separators of their own. */
function fitsOverlay(path: string): boolean {
  return !/[,:\\"]/.test(path);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
