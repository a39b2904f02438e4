import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { startHttpServer, type HttpServer } from '../support/http-server';
import type { RequestFault, RequestFaults } from './request-fault';

/** A request as storage saw it. */
export interface StorageRequest {
  readonly method: string;
  /** Within the bucket. */
  readonly key: string;
  /** Its signer: `worker-<process id>`, or another program's key. */
  readonly signer: string;
  /** Milliseconds since 1970 at which it was passed on; absent where it never was. */
  passedAt?: number;
  /** When storage had done it. */
  doneAt?: number;
  /** Storage's own answer; absent where it was not asked. */
  status?: number;
  /** Whether the answer reached the client. */
  answered: boolean;
  readonly fault?: RequestFault | undefined;
}

export interface FaultyProxy extends HttpServer {
  readonly requests: readonly StorageRequest[];
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A proxy before an S3 that lets requests fail by `faults`. It records each request with its result. */
export async function startFaultyProxy(target: string, faults: RequestFaults): Promise<FaultyProxy> {
  const requests: StorageRequest[] = [];
  const server = await startHttpServer((incoming, answer) => {
    const { method = 'GET', url = '/', headers } = incoming;
    const key = keyOf(url);
    const signer = /Credential=([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? '';
    const noted: StorageRequest = { method, key, signer, answered: false, fault: faults.next(method, key) };
    requests.push(noted);
    // A killed program closes its connection, which is no fault of the proxy.
    void serve(incoming, answer, noted, target).catch(() => answer.destroy());
  });
  return { ...server, requests };
}

/** The path without the bucket; for a listing, its prefix. */
function keyOf(url: string): string {
  const { pathname, searchParams } = new URL(url, 'http://s3');
  const key = decodeURIComponent(pathname.split('/').slice(2).join('/'));
  return key === '' ? (searchParams.get('prefix') ?? '') : key;
}

async function serve(
  incoming: IncomingMessage,
  answer: ServerResponse,
  noted: StorageRequest,
  target: string,
): Promise<void> {
  const { fault } = noted;
  const body = await bodyOf(incoming, fault === 'drop-upload');
  if (fault === 'drop-upload') return void incoming.socket.destroy();
  if (fault === '500' || fault === '503') return refuse(answer, fault);
  if (fault === 'slow') await sleep(SLOW_MS);
  noted.passedAt = Date.now();
  const { status, headers, body: answered } = await passOn(incoming, body, target);
  noted.doneAt = Date.now();
  noted.status = status;
  if (fault === 'answer-lost') return void incoming.socket.destroy();
  answer.writeHead(status, headers);
  if (fault === 'drop-download') {
    answer.write(answered.subarray(0, answered.length / 2), () => incoming.socket.destroy());
    return;
  }
  answer.end(answered, () => (noted.answered = true));
}

const SLOW_MS = 250;

/** What of the request's body is read; with `half`, no more than its first piece. */
async function bodyOf(incoming: IncomingMessage, half: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) {
    chunks.push(chunk);
    if (half) break;
  }
  return Buffer.concat(chunks);
}

/** As S3 words it: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
function refuse(answer: ServerResponse, status: '500' | '503'): void {
  const code = status === '500' ? 'InternalError' : 'SlowDown';
  answer.writeHead(Number(status), { 'content-type': 'application/xml' });
  answer.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>chaos</Message></Error>`);
}

async function passOn(
  { method, headers, url }: IncomingMessage,
  body: Buffer,
  target: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onward = httpRequest(new URL(url!, target), { method, headers, agent: false }, (answered) => {
      const chunks: Buffer[] = [];
      answered.on('data', (chunk: Buffer) => chunks.push(chunk));
      answered.once('error', reject);
      answered.once('end', () =>
        resolve({ status: answered.statusCode!, headers: answered.headers, body: Buffer.concat(chunks) }),
      );
    });
    onward.once('error', reject);
    onward.end(body);
  });
}
