"""Pages of rows for every list of the admin API and the command line.

`branches` holds the shared machinery; `order_list` and `delivery_list` are the two lists of millions of rows.
"""

from panelr_bridge.store.pagination.branches import Branch, PageQuery, ResultPage, build_page, count_rows, read_page

__all__ = ["Branch", "PageQuery", "ResultPage", "build_page", "count_rows", "read_page"]
