"""The custom resources: what people write, as frozen values, and the CRDs that are generated from them."""
