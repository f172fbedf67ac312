"""dp-VAE: a variational autoencoder whose latent distances are the tissue's distances."""
