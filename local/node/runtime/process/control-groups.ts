/** Memory limits through cgroup v2, where this process may make groups. Source: Linux cgroup-v2.rst. */
import { accessSync, constants, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ControlGroup {
  /** To be written "0" by the process that enters. */
  readonly procs: string;
  oomKilled(): boolean;
  remove(): void;
}

const ROOT = '/sys/fs/cgroup';

export class ControlGroups {
  readonly limits: readonly string[];
  readonly #folder: string | undefined;

  private constructor(folder: string | undefined) {
    this.#folder = folder;
    this.limits =
      folder === undefined ? ['no writable cgroup v2: memory limits of pods are held by looking at what they use'] : [];
  }

  static open(name: string): ControlGroups {
    try {
      const own = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
      if (own === undefined) return new ControlGroups(undefined);
      // A group that holds processes cannot hand controllers down, so ours stands beside the group we are in.
      for (const parent of [join(ROOT, own, '..'), join(ROOT, own)]) {
        if (!hasMemory(parent)) continue;
        const folder = join(parent, `zeroth-${name.slice(0, 12)}`);
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, 'cgroup.subtree_control'), '+memory');
        return new ControlGroups(folder);
      }
    } catch {
      // Not permitted, or no cgroup v2.
    }
    return new ControlGroups(undefined);
  }

  make(name: string, memory: number | undefined): ControlGroup | undefined {
    if (this.#folder === undefined || memory === undefined) return undefined;
    const folder = join(this.#folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'memory.max'), String(memory));
    return {
      procs: join(folder, 'cgroup.procs'),
      oomKilled: () => /^oom_kill [1-9]/m.test(readFileSync(join(folder, 'memory.events'), 'utf8')),
      remove: () => removeFolder(folder),
    };
  }

  close(): void {
    if (this.#folder !== undefined) removeFolder(this.#folder);
  }
}

function hasMemory(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return readFileSync(join(folder, 'cgroup.subtree_control'), 'utf8').split(/\s+/).includes('memory');
  } catch {
    return false;
  }
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Holds processes still, or is gone.
  }
}
