"""`golden clone`: check the request, then create volumes and domains, all of them or none."""
