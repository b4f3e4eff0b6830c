/** A watch over HTTP: one JSON line an event. A client that does not keep up is cut off and lists again. */
import { randomInt } from 'node:crypto';
import type { KubeObject } from '../../../api/object.ts';
import type { WatchEvent } from '../../../kube/transport.ts';
import { handleWatch } from '../handler.ts';
import { toTable } from '../table.ts';
import type { Call, Core } from '../verbs/call.ts';
import type { Representation } from './accept.ts';
import {
  contentTypeOf,
  metadataOnly,
  setHeader,
  tableOptions,
  warningHeaders,
  writeText,
  type Response,
} from './respond.ts';

/** What may wait for a client that reads slowly, and for how long; a first list may be large and is sent at once. */
const MUCH_UNSENT = 4 * 1024 * 1024;
const DRAIN_TIME = 30_000;
const BATCH = 128 * 1024;
const MOST_UNSENT = 256 * 1024 * 1024;
const SHORTEST_SECONDS = 1800;
const LONGEST_SECONDS = 3600;

/** @throws ApiError before anything is sent, for options that make no sense. Resolves when the watch is over. */
export function streamWatch(
  core: Core,
  call: Call,
  form: Representation,
  response: Response,
  texts: LastText,
): Promise<void> {
  const encode = encoderFor(call, form, texts);
  const query = { ...call.query };
  // Kubernetes ends every watch some time, so that clients spread over servers; here it frees what was forgotten.
  query.timeoutSeconds ||= String(randomInt(SHORTEST_SECONDS, LONGEST_SECONDS));
  return new Promise<void>((resolve) => {
    let slow: NodeJS.Timeout | undefined;
    const cutOff = (): void => {
      core.log.warn('a watch was cut off: its client does not read', { kind: call.info.kind });
      response.destroy();
    };
    response.on('drain', () => {
      clearTimeout(slow);
      slow = undefined;
    });
    let unsent = '';
    const flush = (): void => {
      const text = unsent;
      unsent = '';
      if (text === '' || response.destroyed || response.writableEnded) return;
      writeText(response, text);
      if (response.writableLength > MOST_UNSENT) cutOff();
      else if (response.writableLength > MUCH_UNSENT) slow ??= setTimeout(cutOff, DRAIN_TIME);
    };
    const handle = handleWatch(
      core,
      { ...call, query },
      {
        onEvent(event) {
          // Events of one turn go out together: a first list is one of thousands.
          if (unsent === '') queueMicrotask(flush);
          unsent += encode(event) + '\n';
          if (unsent.length > BATCH) flush();
        },
        onEnd() {
          flush();
          response.end();
        },
      },
    );
    response.statusCode = 200;
    setHeader(response, 'content-type', contentTypeOf(form));
    setHeader(response, 'cache-control', 'no-cache, private');
    for (const [name, value] of Object.entries(warningHeaders(call.warnings))) setHeader(response, name, value);
    if ('stream' in response) response.writeHead(200);
    else response.flushHeaders();
    response.on('error', () => undefined);
    response.on('close', () => {
      clearTimeout(slow);
      handle.close();
      resolve();
    });
  });
}

function encoderFor(call: Call, form: Representation, texts: LastText): (event: WatchEvent) => string {
  if (form.form === 'partial') return (event) => encodeEvent(texts, event, metadataOnly);
  if (form.form !== 'table') return (event) => encodeEvent(texts, event, (object) => object);
  const options = tableOptions(call.info, call.query);
  let first = true;
  return (event) =>
    encodeEvent(texts, event, (object) => {
      if (event.type === 'BOOKMARK') return bookmarkTable(object);
      const table = toTable(call.info, [object], options);
      const { resourceVersion } = object.metadata;
      const shown = { ...table, metadata: { resourceVersion }, ...(first ? {} : { columnDefinitions: null }) };
      first = false;
      return shown;
    });
}

function bookmarkTable(object: KubeObject) {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: { resourceVersion: object.metadata.resourceVersion },
    columnDefinitions: null,
    rows: [{ cells: [], object: metadataOnly(object) }],
  };
}

/** The text of the last object: one change goes to many watches in a row. */
export class LastText {
  #object: unknown;
  #text = '';

  of(object: unknown): string {
    if (object !== this.#object) {
      this.#text = JSON.stringify(object);
      this.#object = object;
    }
    return this.#text;
  }
}

function encodeEvent(texts: LastText, event: WatchEvent, show: (object: KubeObject) => unknown): string {
  return `{"type":"${event.type}","object":${texts.of(event.type === 'ERROR' ? event.object : show(event.object))}}`;
}
