import type { List } from '../list.js'
import { path, Resource } from '../resource.js'
import type { RequestOptions, WriteOptions } from '../transport.js'
import type { Answer, Body, Query } from '../types.js'

/** Found or made by email when a ticket is made. */
export class Customers extends Resource {
  list(query: Query<'listCustomers'> = {}, options?: RequestOptions): List<Answer<'listCustomers'>> {
    return this.api.list('/customers', query, options)
  }

  /** A customer with their repairs, newest first. */
  async get(id: string, options?: RequestOptions): Promise<Answer<'getCustomer'>> {
    return this.api.get(path`/customers/${id}`, { options })
  }

  async update(
    id: string,
    change: Body<'updateCustomer'>,
    options?: WriteOptions,
  ): Promise<Answer<'updateCustomer'>> {
    return this.api.patch(path`/customers/${id}`, change, options)
  }

  /** What belongs to another customer goes to this one, and the other is gone. */
  async merge(
    id: string,
    other: Body<'mergeCustomers'>,
    options?: WriteOptions,
  ): Promise<Answer<'mergeCustomers'>> {
    return this.api.post(path`/customers/${id}/merge`, other, options)
  }
}
