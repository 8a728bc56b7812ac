/** The base of every resource: a path, and the five operations on it. */

import { List, type Page, type Position } from './list.js'
import type { Ask, RequestOptions, Transport, VersionedWriteOptions, WriteOptions } from './transport.js'

export class Api {
  constructor(readonly transport: Transport) {}

  list<P extends Page<unknown>>(path: string, query: object, options?: RequestOptions): List<P> {
    return new List((position) => this.get<P>(path, { query: from(query, position), options }))
  }

  get<T>(path: string, more: { query?: object; options?: RequestOptions | undefined } = {}): Promise<T> {
    return this.transport.request({ method: 'GET', path, ...more })
  }

  post<T>(path: string, body?: unknown, options?: VersionedWriteOptions): Promise<T> {
    return this.transport.request({ method: 'POST', path, body, options })
  }

  /** Sends bytes instead of JSON. */
  upload<T>(path: string, bytes: NonNullable<Ask['bytes']>, options?: WriteOptions): Promise<T> {
    return this.transport.request({ method: 'POST', path, bytes, options })
  }

  patch<T>(path: string, body: unknown, options?: VersionedWriteOptions): Promise<T> {
    return this.transport.request({ method: 'PATCH', path, body, options })
  }

  delete<T>(path: string, options?: WriteOptions): Promise<T> {
    return this.transport.request({ method: 'DELETE', path, options })
  }
}

export abstract class Resource {
  readonly #api: Api

  constructor(api: Api) {
    this.#api = api
  }

  protected get api(): Api {
    return this.#api
  }
}

/** A path with ids in it. A missing id would request a different resource. */
export function path(texts: TemplateStringsArray, ...ids: string[]): string {
  return String.raw(
    { raw: texts },
    ...ids.map((id) => {
      if (typeof id !== 'string' || id === '') throw new TypeError('an id is missing')
      return encodeURIComponent(id)
    }),
  )
}

/** A cursor replaces an offset. */
function from(query: object, position: Position): object {
  return position.cursor === undefined ? { ...query, ...position } : { ...query, offset: undefined, ...position }
}
