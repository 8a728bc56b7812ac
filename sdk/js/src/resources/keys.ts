import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** API keys: who may ask for what. A key's text is shown once, when it is made. */
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

  /** A new key in the place of this one, which is still good for a while. */
  async rotate(id: string, how?: Body<'rotateKey'>, options?: WriteOptions): Promise<Answer<'rotateKey'>> {
    return this.api.post(path`/keys/${id}/rotate`, how ?? {}, options)
  }

  async revoke(id: string, options?: WriteOptions): Promise<Answer<'revokeKey'>> {
    return this.api.delete(path`/keys/${id}`, options)
  }
}
