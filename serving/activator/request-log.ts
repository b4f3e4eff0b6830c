/**
 * A line for each request, when config-observability asks for it: `logging.enable-request-log` and the Go template of
 * `logging.request-log-template`, over `.Request`, `.Response` and `.Revision` as in Knative's queue-proxy.
 */
import type { Logger } from '../../kube/log.ts';
import { HttpHeader } from '../../kube/go-template/http-header.ts';
import { compileGoTemplate, type GoTemplate } from '../../kube/go-template/template.ts';
import type { FinishedRequest } from './dispatch.ts';
import { joinedHeader, type HeaderList } from './headers.ts';
import type { RevisionLabels } from './revisions.ts';

export interface RequestLogOptions {
  readonly log: Logger;
  /** Takes a line without its end; false when it could not: the line is lost, and counted. */
  write(line: string): boolean;
}

const ENABLE = 'logging.enable-request-log';
const TEMPLATE = 'logging.request-log-template';

/** One JSON object a line, with the fields that log collectors know as an HTTP request. */
const DEFAULT_TEMPLATE =
  '{"httpRequest":{"requestMethod":"{{.Request.Method}}","requestUrl":"{{js .Request.RequestURI}}",' +
  '"requestSize":"{{.Request.ContentLength}}","status":{{.Response.Code}},"responseSize":"{{.Response.Size}}",' +
  '"userAgent":"{{js .Request.UserAgent}}","remoteIp":"{{js .Request.RemoteAddr}}","serverIp":"{{.Revision.PodIP}}",' +
  '"referer":"{{js .Request.Referer}}","latency":"{{.Response.Latency}}s","protocol":"{{.Request.Proto}}"},' +
  '"traceId":"{{.Request.Header.Get `X-B3-Traceid`}}"}';

export class RequestLog {
  readonly #options: RequestLogOptions;
  #template: GoTemplate | undefined;
  #lost = 0;

  constructor(options: RequestLogOptions) {
    this.#options = options;
  }

  /** Lines that were not written because whoever reads them is too slow. */
  get lost(): number {
    return this.#lost;
  }

  /** @param data of config-observability; one that cannot be used is told of, and turns the log off */
  configure(data: Readonly<Record<string, string>>): void {
    this.#template = undefined;
    const source = data[TEMPLATE] ?? DEFAULT_TEMPLATE;
    if (data[ENABLE]?.toLowerCase() !== 'true' || source === '') return;
    try {
      this.#template = compileGoTemplate(source, { name: 'requestLog' });
    } catch (error) {
      this.#options.log.error('no requests are logged: the template cannot be used', { key: TEMPLATE, error });
    }
  }

  finished(revision: RevisionLabels, request: FinishedRequest): void {
    if (this.#template === undefined) return;
    let line;
    try {
      line = this.#template.render(fieldsOf(revision, request));
    } catch (error) {
      // Every request would say the same.
      this.#template = undefined;
      this.#options.log.error('requests are logged no more: the template failed', { key: TEMPLATE, error });
      return;
    }
    if (!this.#options.write(line.replace(/\n$/, ''))) this.#lost++;
  }
}

function fieldsOf(labels: RevisionLabels, request: FinishedRequest): Readonly<Record<string, unknown>> {
  const { head, status, seconds, responseBytes, pod } = request;
  const header = new HttpHeader(head.headers);
  const path = head.target.replace(/\?.*$/s, '');
  return {
    Request: {
      Method: head.method,
      RequestURI: head.target,
      URL: { Path: path, RawQuery: head.target.slice(path.length + 1) },
      Host: head.authority,
      Proto: head.protocol === 'HTTP/2' ? 'HTTP/2.0' : head.protocol,
      ContentLength: contentLength(head.headers),
      RemoteAddr: head.peer,
      UserAgent: header.first('User-Agent'),
      Referer: header.first('Referer'),
      Header: header,
    },
    Response: { Code: status, Size: responseBytes, Latency: seconds },
    Revision: {
      Name: labels.revision,
      Namespace: labels.namespace,
      Service: labels.service,
      Configuration: labels.configuration,
      PodName: '',
      PodIP: pod?.host ?? '',
    },
  };
}

/** As Go counts: −1 when the length is not known beforehand. */
function contentLength(headers: HeaderList): number {
  const length = joinedHeader(headers, 'content-length');
  if (length !== undefined) return Number(length);
  return joinedHeader(headers, 'transfer-encoding') === undefined ? 0 : -1;
}
