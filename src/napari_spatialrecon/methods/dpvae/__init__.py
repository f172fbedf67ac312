"""dp-VAE: a variational autoencoder whose latent distances follow distances in the tissue."""
