import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** The places where repairs are done. */
export class Shops extends Resource {
  list(query: Query<'listShops'> = {}, options?: RequestOptions): List<Answer<'listShops'>> {
    return this.api.list('/shops', query, options)
  }

  async get(id: string, options?: RequestOptions): Promise<Answer<'getShop'>> {
    return this.api.get(path`/shops/${id}`, { options })
  }

  async create(shop: Body<'createShop'>, options?: WriteOptions): Promise<Answer<'createShop'>> {
    return this.api.post('/shops', shop, options)
  }

  async update(
    id: string,
    change: Body<'updateShop'>,
    options?: WriteOptions,
  ): Promise<Answer<'updateShop'>> {
    return this.api.patch(path`/shops/${id}`, change, options)
  }
}
