"""The buyers' chat, a file a feature."""

from handlers.buyer import balance, catalog, checkout, info, orders, product, start
from handlers.routes import Routes

routes = Routes()
routes.include(
    start.routes,
    catalog.routes,
    product.routes,
    checkout.routes,
    balance.routes,
    orders.routes,
    info.routes,
)
