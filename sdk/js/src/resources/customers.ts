import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions } from '../transport.js'
import type { Answer, Query } from '../types.js'

/** Found or made by email when a ticket is made. */
export class Customers extends Resource {
  list(query: Query<'listCustomers'> = {}, options?: RequestOptions): List<Answer<'listCustomers'>> {
    return this.api.list('/customers', query, options)
  }

  /** A customer with their repairs, newest first. */
  async get(id: string, options?: RequestOptions): Promise<Answer<'getCustomer'>> {
    return this.api.get(path`/customers/${id}`, { options })
  }
}
