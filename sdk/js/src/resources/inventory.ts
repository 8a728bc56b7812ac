import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** Stock of the shops, and what is reserved of it. */
export class Inventory extends Resource {
  list(query: Query<'listInventory'> = {}, options?: RequestOptions): List<Answer<'listInventory'>> {
    return this.api.list('/inventory', query, options)
  }

  async get(id: string, options?: RequestOptions): Promise<Answer<'getInventoryItem'>> {
    return this.api.get(path`/inventory/${id}`, { options })
  }

  async create(item: Body<'createInventoryItem'>, options?: WriteOptions): Promise<Answer<'createInventoryItem'>> {
    return this.api.post('/inventory', item, options)
  }

  async update(
    id: string,
    change: Body<'updateInventoryItem'>,
    options?: WriteOptions,
  ): Promise<Answer<'updateInventoryItem'>> {
    return this.api.patch(path`/inventory/${id}`, change, options)
  }

  /** Changes of the quantity on hand, newest first. */
  movements(
    id: string,
    query: Query<'listInventoryMovements'> = {},
    options?: RequestOptions,
  ): List<Answer<'listInventoryMovements'>> {
    return this.api.list(path`/inventory/${id}/movements`, query, options)
  }
}
