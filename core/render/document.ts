import { setTimeout as sleep } from 'node:timers/promises';
import { type FaultKind, messageOf, SpotreelError } from '../errors';
import { describeIssues, NEWER_FORMAT, parseJson, type Schema } from '../json';
import { denialReason } from '../storage/file-writes';
import { formatLocation, type PutOptions, type Storage, StorageError } from '../storage/storage';

/** The properties that all documents of one kind share. */
export interface DocumentKind<T> {
  /** Part of error codes: `bad-<name>`, `<name>-contended`. */
  readonly name: string;
  readonly schema: Schema<T>;
  /** Kind of the error `bad-<name>`; `internal` by default. */
  readonly fault?: FaultKind;
  /** What to do about an unreadable file; `delete it` by default. */
  readonly remedy?: string;
  /** Error code of a file in a newer format; `bad-<name>` by default. */
  readonly newerCode?: string;
  /** Whether a write on a disk must survive a power cut. */
  readonly isDurable?: boolean;
  /** Whether the schema checks a value before it is written. Other values must never stop a worker. */
  readonly isChecked?: boolean;
  /** Whether the JSON has no spaces: for documents that are large, or written often. */
  readonly isCompact?: boolean;
}

/** What a document's file holds. Both fields are absent if the file is missing. */
export interface FoundDocument<T> {
  readonly value?: T;
  /** Why the file cannot be used: one line without its name. `NEWER_FORMAT` for a newer format. */
  readonly damage?: string;
}

/** One version of a document, and the way to replace exactly this version. */
export interface DocumentVersion<T> extends FoundDocument<T> {
  /** When it was written; absent if the file is missing. */
  readonly modifiedAt?: Date;
  /** Gives `false`, and writes nothing, if another writer created, changed or deleted the file meanwhile. */
  readonly replace: (value: T) => Promise<boolean>;
}

/** A document before and after `update`; `undefined` for a missing or unreadable file. */
export interface DocumentChange<T> {
  readonly before: T | undefined;
  /** The same object as `before` if nothing was written. */
  readonly after: T | undefined;
}

/** Tries of `update` and `create` while other writers are faster. */
const MOST_TRIES = 8;

/** The pause before the second try, at most; doubled before each further one. */
const FIRST_PAUSE_MS = 8;

/**
 * One JSON file. Making one costs nothing: only its methods use storage, and all of them throw what storage throws. A file
 * of this machine that must not be opened, such as a link, counts as unreadable where that is allowed for.
 */
export class Document<T> {
  constructor(
    readonly url: URL,
    private readonly kind: DocumentKind<T>,
    private readonly storage: Storage,
  ) {}

  /** `undefined` if the file is missing. Throws `bad-<name>` if it cannot be parsed. */
  async read(): Promise<T | undefined> {
    try {
      return await this.require();
    } catch (error) {
      if (hasCode(error, 'not-found')) return undefined;
      throw error;
    }
  }

  /** The same for a document that must exist. Throws `not-found`, `bad-<name>`. */
  async require(): Promise<T> {
    return parseJson(this.kind.schema, await this.storage.get(this.url), (reason) => this.unreadable(reason));
  }

  /** `undefined` if the file is missing or unreadable. */
  async readIfValid(): Promise<T | undefined> {
    return (await this.find()).value;
  }

  /** The content, or why it cannot be used. */
  async find(): Promise<FoundDocument<T>> {
    try {
      const bytes = await this.storage.get(this.url);
      return { value: parseJson(this.kind.schema, bytes, (reason) => new SyntaxError(reason)) };
    } catch (error) {
      if (error instanceof SyntaxError) return { damage: messageOf(error) };
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'not-found') return {};
      if (error.code === 'denied' && this.url.protocol === 'file:') return { damage: denialReason(error) };
      throw error;
    }
  }

  /** The error of a file that cannot be used for this reason. */
  unreadable(reason: string): SpotreelError {
    const { name, fault = 'internal', remedy = 'delete it', newerCode } = this.kind;
    const where = formatLocation(this.url);
    if (reason === NEWER_FORMAT && newerCode !== undefined)
      return new SpotreelError(newerCode, fault, `${where}: ${reason}; use that version`);
    return new SpotreelError(`bad-${name}`, fault, `${where} is damaged (${reason}); ${remedy}`);
  }

  /** When the file was written last; `undefined` if it is missing. Does not read it in a bucket. */
  async modifiedAt(): Promise<Date | undefined> {
    return (await this.storage.head(this.url))?.lastModified;
  }

  /** The content now, to be replaced after a decision that takes a while. An unreadable file can be replaced, too. */
  async version(): Promise<DocumentVersion<T>> {
    // The ETag before the content: a change between the two fails the conditional write.
    const head = await this.storage.head(this.url);
    const found = head ? await this.find() : {};
    // Deleted between the two requests.
    const isMissing = !head || (found.value === undefined && found.damage === undefined);
    if (isMissing) return { replace: (value) => this.createNew(value) };
    const replace = (value: T): Promise<boolean> => this.putIf({ ifMatch: head.etag }, value);
    return { ...found, modifiedAt: head.lastModified, replace };
  }

  /** Writes the file if it is missing. `false`: it exists, readable or not. */
  async createNew(value: T): Promise<boolean> {
    return this.putIf({ ifAbsent: true }, value);
  }

  /** Writes the file if it is missing, and gives what it holds then. Throws `bad-<name>` if the existing file is unreadable. */
  async create(value: T): Promise<T> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      if (await this.createNew(value)) return value;
      const existing = await this.read();
      if (existing !== undefined) return existing;
    }
    throw this.contended();
  }

  /**
   * Changes the content without losing another writer's change. `change` must be pure: it is called again if another writer
   * was faster. It gives `undefined` to leave the file as it is, and takes `undefined` for a missing or unreadable file.
   * Throws `<name>-contended` (passing).
   */
  async update(change: (before: T | undefined) => T | undefined): Promise<DocumentChange<T>> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      if (tries > 0) await sleep(Math.random() * FIRST_PAUSE_MS * 2 ** (tries - 1));
      const { value: before, replace } = await this.version();
      const after = change(before);
      if (after === undefined) return { before, after: before };
      if (await replace(after)) return { before, after };
    }
    throw this.contended();
  }

  /** Writes over whatever the file holds: for documents with a single writer. */
  async write(value: T): Promise<void> {
    await this.put(value);
  }

  /** No error if the file is missing. */
  async delete(): Promise<void> {
    await this.storage.delete(this.url);
  }

  private async putIf(condition: PutOptions, value: T): Promise<boolean> {
    try {
      await this.put(value, condition);
      return true;
    } catch (error) {
      if (hasCode(error, 'exists') || hasCode(error, 'changed')) return false;
      throw error;
    }
  }

  private async put(value: T, condition: PutOptions = {}): Promise<void> {
    const { isDurable, isCompact } = this.kind;
    const body = JSON.stringify(this.checked(value), null, isCompact ? undefined : 2);
    const options = { contentType: 'application/json', ...(isDurable && { durable: true }) };
    await this.storage.put(this.url, body, { ...options, ...condition });
  }

  /** As the schema has it, so without fields that it does not know. */
  private checked(value: T): T {
    const { name, schema, isChecked } = this.kind;
    if (!isChecked) return value;
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    const message = `no valid ${name} for ${formatLocation(this.url)} (${describeIssues(result.error)}); report it`;
    throw new SpotreelError(`bad-${name}`, 'internal', message);
  }

  private contended(): SpotreelError {
    const message = `other writers keep changing ${formatLocation(this.url)}; try again`;
    return new SpotreelError(`${this.kind.name}-contended`, 'passing', message);
  }
}

function hasCode(error: unknown, code: StorageError['code']): boolean {
  return error instanceof StorageError && error.code === code;
}
