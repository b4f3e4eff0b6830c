// Finds Knative Serving's source: a folder, or a Go module by the ordinary module proxy.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

const MODULE = 'knative.dev/serving';
const DOWNLOAD_TIME = 120_000;

/**
 * @param {string | undefined} folder a checkout of knative/serving
 * @param {string} version of the module, when there is no folder
 * @returns {{ folder: string, version: string, cache: string } | { missing: string }}
 */
export function findSource(folder, version) {
  if (spawnSync('go', ['version']).status !== 0) return { missing: 'Go is not installed' };
  if (folder !== undefined) {
    const path = resolve(folder);
    if (!existsSync(join(path, 'test', 'conformance', 'api', 'v1')))
      return { missing: `${path} is no checkout of knative/serving` };
    return { folder: path, ...named(path, versionOf(path)) };
  }
  const { stdout, status } = spawnSync('go', ['mod', 'download', '-json', `${MODULE}@${version}`], {
    encoding: 'utf8',
    timeout: DOWNLOAD_TIME,
  });
  const answer = parse(stdout);
  if (status !== 0 || typeof answer.Dir !== 'string')
    return {
      missing: `no source: set KNATIVE_SERVING_SOURCE or --source to a checkout of knative/serving (the module ${MODULE}@${version} is not to be had here: ${answer.Error ?? 'go mod download failed'})`,
    };
  // The module alone does not build; what it needs may be served or not.
  const needs = spawnSync('go', ['list', '-deps', '-test', '-tags', 'e2e', './test/conformance/api/v1'], {
    cwd: answer.Dir,
    encoding: 'utf8',
    timeout: DOWNLOAD_TIME,
    env: { ...process.env, GOFLAGS: '-mod=readonly' },
  });
  if (needs.status !== 0)
    return { missing: `what ${MODULE}@${answer.Version} needs is not to be had here: ${lastLine(needs.stderr)}` };
  return { folder: answer.Dir, ...named(answer.Dir, answer.Version) };
}

/** A cache of its own for each version of each folder, outside the repository. */
function named(path, version) {
  const key = createHash('sha256').update(`${path} ${version}`).digest('hex').slice(0, 16);
  const base = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return { version, cache: join(base, 'zeroth', 'conformance', key) };
}

function versionOf(path) {
  const { stdout, status } = spawnSync('git', ['-C', path, 'log', '-1', '--format=%h (%cs)'], { encoding: 'utf8' });
  if (status === 0 && existsSync(join(path, '.git'))) return `commit ${stdout.trim()}`;
  return `files of ${statSync(join(path, 'go.mod')).mtime.toISOString().slice(0, 10)}`;
}

function lastLine(text) {
  return (
    text
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('\t'))
      .at(-1) ?? ''
  );
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
