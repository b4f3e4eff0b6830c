/** A bearer token: fixed, or from a file that is read again when it may have been rotated. */
import { readFile } from 'node:fs/promises';
import { systemClock, type Clock } from './clock.ts';

export interface BearerToken {
  /** The token to send, `undefined` for none. Rejects when its file cannot be read. */
  current(): Promise<string | undefined>;
  /** After a 401: reads anew; true when the token is another one than `rejected`. */
  renew(rejected: string | undefined): Promise<boolean>;
}

export function fixedToken(token: string | undefined): BearerToken {
  return { current: () => Promise.resolve(token), renew: () => Promise.resolve(false) };
}

/** @param maxAge ms after which the file is read again; Kubernetes rotates projected tokens well before they expire */
export function tokenFile(path: string, maxAge = 60_000, clock: Clock = systemClock): BearerToken {
  let token: string | undefined;
  let readAt = Number.NEGATIVE_INFINITY;

  async function read(): Promise<string> {
    const text = (await readFile(path, 'utf8')).trim();
    token = text;
    readAt = clock.now();
    return text;
  }

  return {
    current: async () => (token !== undefined && clock.now() - readAt < maxAge ? token : read()),
    renew: async (rejected) => (await read()) !== rejected,
  };
}
