import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** API keys and their scopes. A key's text is returned once, when it is created. */
export class Keys extends Resource {
  list(query: Query<'listKeys'> = {}, options?: RequestOptions): List<Answer<'listKeys'>> {
    return this.api.list('/keys', query, options)
  }

  async get(id: string, options?: RequestOptions): Promise<Answer<'getKey'>> {
    return this.api.get(path`/keys/${id}`, { options })
  }

  async create(key: Body<'createKey'>, options?: WriteOptions): Promise<Answer<'createKey'>> {
    return this.api.post('/keys', key, options)
  }

  /** Replaces this key with a new one; the old one stays valid for the overlap. */
  async rotate(id: string, how?: Body<'rotateKey'>, options?: WriteOptions): Promise<Answer<'rotateKey'>> {
    return this.api.post(path`/keys/${id}/rotate`, how ?? {}, options)
  }

  async revoke(id: string, options?: WriteOptions): Promise<Answer<'revokeKey'>> {
    return this.api.delete(path`/keys/${id}`, options)
  }
}
